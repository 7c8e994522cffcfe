"""What settings of `algorithm:` must be to each other. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator

from rewards.settings.source import Key, Problem
from rl.algorithms.config import AlgorithmConfig

GAE_ONLY = ("lambda_critic", "lambda_policy", "alpha", "whiten_advantages", "value_clip", "value_pretraining")


def algorithm_problems(algorithm: AlgorithmConfig, group_size: int) -> Iterator[Problem]:
    """All contradictions inside the section, and with the number of samples of a prompt."""
    yield from _group_size(algorithm, group_size)
    yield from _without_effect(algorithm)
    yield from _reference(algorithm)
    importance, pretraining = algorithm.importance, algorithm.value_pretraining
    if importance.low > importance.high:
        yield Problem(
            ("algorithm", "importance", "low"),
            f"is {importance.low:g}, above high ({importance.high:g}): every token would be dropped",
            also=(("algorithm", "importance", "high"),),
        )
    if importance.kind != "off" and algorithm.old_logprobs == "rollout":
        yield Problem(
            ("algorithm", "old_logprobs"),
            f"is rollout, which importance `{importance.kind}` would compare with itself: all weights would be 1. Ways "
            "out:\n(1) algorithm.old_logprobs: learner,\n(2) algorithm.importance.kind: off.",
            also=(("algorithm", "importance", "kind"),),
        )
    if pretraining.min_steps > pretraining.max_steps > 0:
        yield Problem(
            ("algorithm", "value_pretraining", "min_steps"),
            f"is {pretraining.min_steps}, above max_steps ({pretraining.max_steps})",
            also=(("algorithm", "value_pretraining", "max_steps"),),
        )


def _group_size(algorithm: AlgorithmConfig, size: int) -> Iterator[Problem]:
    key, preset = ("group_size",), ("algorithm", "preset")
    if size == 1 and algorithm.compares_samples:
        yield Problem(
            key,
            f"is 1, but advantage `{algorithm.advantage}` compares the samples of one prompt with each other: with one "
            "sample there is nothing to compare. Ways out:\n(1) group_size: 16 (at least 2),\n"
            "(2) algorithm.advantage: gae, which learns a critic instead of comparing,\n"
            "(3) algorithm.advantage: reinforce_pp, which compares with the whole batch.",
            also=(preset, ("algorithm", "advantage")),
        )
    if size == 1 and algorithm.dynamic_sampling.enabled:
        yield Problem(
            key,
            "is 1, but dynamic sampling keeps only prompts with both right and wrong samples: nothing would ever be "
            "kept. Ways out:\n(1) group_size: 2 or more,\n(2) algorithm.dynamic_sampling.enabled: false.",
            also=(preset, ("algorithm", "dynamic_sampling", "enabled")),
        )


def _reference(algorithm: AlgorithmConfig) -> Iterator[Problem]:
    penalty = algorithm.kl
    if penalty is not None and penalty.kind == "k1" and penalty.where == "loss":
        yield Problem(
            ("algorithm", "kl", "kind"),
            "is k1 with `where: loss`: its gradient has mean 0, so that it would hold nothing back (arXiv 2506.09477). "
            "Ways out:\n(1) algorithm.kl.kind: k2, whose gradient is that of the KL, or k3, as in GRPO,\n"
            "(2) algorithm.kl.where: reward, where k1 is the KL itself.",
            also=(("algorithm", "preset"), ("algorithm", "kl", "where")),
        )


def _without_effect(algorithm: AlgorithmConfig) -> Iterator[Problem]:
    """Settings that differ from the preset's, but that nothing would read."""
    recipe = type(algorithm)()
    unused: list[tuple[Key, str, Key, str]] = []
    if algorithm.advantage != "gae":
        unused += [((name,), "has no critic", ("advantage",), "gae") for name in GAE_ONLY]
    if algorithm.advantage not in ("gae", "reinforce_pp", "reinforce_pp_baseline"):
        unused.append((("gamma",), "pays every token the same", ("advantage",), "reinforce_pp_baseline"))
    if algorithm.advantage == "gae" and algorithm.lambda_policy != "length_adaptive":
        unused.append((("alpha",), "does not depend on the length", ("lambda_policy",), "length_adaptive"))
    if algorithm.advantage != "grpo":
        unused.append((("advantage_eps",), "divides by no standard deviation of a group", ("advantage",), "grpo"))
    if algorithm.policy_loss == "cispo":
        unused.append((("dual_clip",), "has no clip that drops tokens", ("policy_loss",), "ppo_clip"))
    if algorithm.importance.kind != "tis":
        unused.append((("importance", "cap"), "has no cap", ("importance", "kind"), "tis"))
    if algorithm.importance.kind != "icepop":
        band = [("importance", "low"), ("importance", "high")]
        unused += [(key, "has no band", ("importance", "kind"), "icepop") for key in band]
    for key, why, reason, cure in unused:
        if _at(algorithm, key) not in (_at(recipe, key), None):
            dotted, cause = ".".join(map(str, key)), ".".join(map(str, reason))
            yield Problem(
                ("algorithm", *key),
                f"has no effect: `{cause}: {_at(algorithm, reason)}` {why}. Ways out:\n(1) leave {dotted} out,\n"
                f"(2) algorithm.{cause}: {cure}.",
                also=(("algorithm", "preset"), ("algorithm", *reason)),
            )


def _at(algorithm: AlgorithmConfig, key: Key) -> object:
    value: object = algorithm
    for name in key:
        value = getattr(value, str(name))
    return value
