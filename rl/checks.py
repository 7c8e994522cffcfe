"""What sections of a configuration must be to each other. Imports no torch.

An error names its keys and gives numbered ways out where there are several. A warning is something that is allowed,
but rarely meant. What holds inside `algorithm:` is in `rl/algorithms/checks.py`. That rewards
exist and take their options is checked where they are loaded (`rewards/loader.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from rewards.settings.source import Key, Problem
from rl.algorithms.checks import algorithm_problems
from rl.budget.checks import budget_problems, budget_warnings
from rl.config import RunConfig
from rl.data.generators import GENERATORS
from rl.learner.kernels import choose_attention, heads_problem, packing_pays, sharing_problem
from rl.models.errors import ModelNotFound
from rl.models.resolve import model_shape
from rl.plan import planned_device
from rollout.config import StreamingConfig


def config_problems(config: RunConfig) -> list[Problem]:
    """All contradictions between the sections."""
    checks = (_algorithm, _rewards, _sizes, _model, _critic, _kernel, _streaming, _generators, _devices, _warm_start)
    return [problem for check in (*checks, budget_problems) for problem in check(config)]


def _algorithm(config: RunConfig) -> Iterator[Problem]:
    return algorithm_problems(config.algorithm, config.group_size)


def _rewards(config: RunConfig) -> Iterator[Problem]:
    if all(reward.weight == 0 for reward in config.rewards):
        yield Problem(("rewards",), "every weight is 0: there is nothing to learn from. Give one a weight.")


def _sizes(config: RunConfig) -> Iterator[Problem]:
    samples = config.samples_per_step
    sized: tuple[Key, ...] = (("prompts_per_step",), ("group_size",))
    per_optimizer_step = samples / config.optimizer_steps_per_batch
    if per_optimizer_step < 1:
        yield Problem(
            ("optimizer_steps_per_batch",),
            f"is {config.optimizer_steps_per_batch}, but a batch has only {samples} samples (prompts_per_step x "
            f"group_size = {config.prompts_per_step} x {config.group_size}): at most {samples}",
            also=sized,
        )
    elif per_optimizer_step < config.learner.data_parallel:
        shared = config.learner.sequence_parallel
        groups = f", {config.learner.data_parallel} groups of {shared}" if shared > 1 else ""
        yield Problem(
            ("learner", "ranks"),
            f"is {config.learner.ranks}{groups}, but an optimizer step has only {per_optimizer_step:g} samples: some "
            "would have none. Ways out:\n(1) fewer ranks,\n(2) more prompts_per_step or group_size,\n"
            "(3) fewer optimizer_steps_per_batch.",
            also=(*sized, ("optimizer_steps_per_batch",)),
        )
    response, context = config.rollout.max_response_tokens, config.model.context_tokens
    if response >= context:
        yield Problem(
            ("rollout", "max_response_tokens"),
            f"is {response}, which leaves no room for a prompt in model.context_tokens ({context}). Ways out:\n"
            "(1) a smaller max_response_tokens,\n(2) a larger model.context_tokens, if the model has it.",
            also=(("model", "context_tokens"),),
        )
    if config.rollout.sampling.temperature == 0:
        yield Problem(
            ("rollout", "sampling", "temperature"),
            "is 0: all samples of a prompt would be the same, and there is nothing to learn. Train at 1.0; greedy "
            "answers are for evaluation.sampling.",
        )


def _model(config: RunConfig) -> Iterator[Problem]:
    name, context = config.model.name, config.model.context_tokens
    try:
        shape = model_shape(name)
    except ModelNotFound as error:
        if name.count("/") != 1 or Path(name).exists():  # else a Hugging Face name that is not fetched yet
            yield Problem(("model", "name"), str(error))
        return
    if context > shape.context:
        yield Problem(
            ("model", "context_tokens"),
            f"is {context}, but {name} was made for at most {shape.context} tokens",
            also=(("model", "name"),),
        )
    if problem := heads_problem(shape.heads, shape.kv_heads, config.learner.sequence_parallel):
        yield Problem(("learner", "sequence_parallel"), problem, also=(("model", "name"),))


def _kernel(config: RunConfig) -> Iterator[Problem]:
    attention, key = config.model.attention, ("model", "attention")
    problem = sharing_problem(choose_attention(attention, planned_device(config)))
    if problem and config.learner.share_prompts == "on":
        yield Problem(("learner", "share_prompts"), problem, also=(key,))
    if attention == "eager" and config.learner.sequence_parallel > 1:
        yield Problem(
            key,
            "is eager, which ranks cannot share a sequence with (learner.sequence_parallel is "
            f"{config.learner.sequence_parallel}). Ways out:\n(1) model.attention: auto,\n"
            "(2) learner.sequence_parallel: 1.",
            also=(("learner", "sequence_parallel"),),
        )
    if attention == "flex_attention" and planned_device(config) == "cpu":
        yield Problem(
            key, "is flex_attention, which has no backward pass on CPU: use sdpa (or auto)", also=(("device",),)
        )


def _critic(config: RunConfig) -> Iterator[Problem]:
    if config.model.critic is not None and not config.algorithm.uses_critic:
        yield Problem(
            ("model", "critic"),
            f"has no effect: `algorithm.advantage: {config.algorithm.advantage}` has no critic. Ways out:\n"
            "(1) leave model.critic out,\n(2) algorithm.advantage: gae.",
            also=(("algorithm", "preset"), ("algorithm", "advantage")),
        )


def _streaming(config: RunConfig) -> Iterator[Problem]:
    streaming, sampling = config.streaming, config.algorithm.dynamic_sampling
    if streaming.max_staleness == 0:
        yield from _without_streaming(streaming)
        return
    staleness: tuple[Key, ...] = (("streaming", "max_staleness"),)
    if sampling.enabled and sampling.oversampling > 1:
        yield Problem(
            ("algorithm", "dynamic_sampling", "oversampling"),
            "has no effect: the stream replaces a group without signal at once, in no rounds. Ways out:\n"
            "(1) leave it out,\n(2) streaming.max_staleness: 0.",
            also=staleness,
        )
    if (1 - streaming.completion_ratio) * config.prompts_per_step < 1:
        yield Problem(
            ("streaming", "completion_ratio"),
            f"is {streaming.completion_ratio:g}: of {config.prompts_per_step} groups none may be of older weights, so "
            "that nothing could be generated while the learner works. Ways out:\n(1) a smaller completion_ratio,\n"
            "(2) more prompts_per_step,\n(3) streaming.max_staleness: 0.",
            also=(*staleness, ("prompts_per_step",)),
        )
    if streaming.partial_rollout != "continue" and streaming.max_versions_per_sample is not None:
        yield Problem(
            ("streaming", "max_versions_per_sample"),
            f"has no effect with partial_rollout: {streaming.partial_rollout}, where the tokens of a sample are of one "
            "weight version. Ways out:\n(1) leave it out,\n(2) partial_rollout: continue.",
            also=(("streaming", "partial_rollout"),),
        )
    oldest = streaming.loss_max_staleness
    if oldest is not None and oldest >= streaming.max_staleness:
        yield Problem(
            ("streaming", "loss_max_staleness"),
            f"is {oldest} and has no effect: no token is older than max_staleness ({streaming.max_staleness})",
            also=staleness,
        )
    if streaming.placement == "shared" and streaming.partial_rollout == "off":
        yield Problem(
            ("streaming", "placement"),
            "is shared, where unfinished samples stand still while the learner works; with partial_rollout: off the "
            "weights would wait for them for ever. Ways out:\n(1) partial_rollout: continue,\n(2) placement: split.",
            also=(("streaming", "partial_rollout"),),
        )
    if streaming.placement == "shared" and planned_device(config) == "gpu":
        yield Problem(
            ("streaming", "placement"),
            "is shared, which works on CPU only so far: a GPU's memory would have to be cleared for the learner. Use "
            "split (rollout.workers x tensor_parallel + learner.ranks GPUs).",
            also=(("device",),),
        )


def _without_streaming(streaming: StreamingConfig) -> Iterator[Problem]:
    """What says nothing with max_staleness 0."""
    for key in sorted(streaming.model_fields_set - {"max_staleness"}):
        if getattr(streaming, key) != type(streaming).model_fields[key].default:
            yield Problem(
                ("streaming", key),
                "has no effect: with max_staleness 0 nothing is generated while the learner works, and no sample is "
                "unfinished when new weights come. Ways out:\n(1) leave it out,\n"
                "(2) streaming.max_staleness: 1 or more.",
                also=(("streaming", "max_staleness"),),
            )


def _generators(config: RunConfig) -> Iterator[Problem]:
    for part, sources in (("train", config.data.train), ("eval", config.data.eval)):
        for place, source in enumerate(sources):
            if source.generator is None:
                continue
            try:
                GENERATORS[source.generator].options.model_validate(source.options)
            except ValidationError as error:
                for found in error.errors():
                    yield Problem(("data", part, place, "options", *found["loc"]), found["msg"])


def _devices(config: RunConfig) -> Iterator[Problem]:
    rollout = config.rollout
    if config.device == "cpu":
        if rollout.tensor_parallel > 1:
            yield Problem(
                ("rollout", "tensor_parallel"),
                f"is {rollout.tensor_parallel}, but on CPU an engine is one process: set it to 1 and add "
                "rollout.workers instead",
                also=(("device",),),
            )
        if rollout.weight_transfer in ("nccl", "cuda_ipc"):
            yield Problem(
                ("rollout", "weight_transfer"),
                f"is {rollout.weight_transfer}, which needs GPUs: on CPU use shared_memory (or auto)",
                also=(("device",),),
            )


def _warm_start(config: RunConfig) -> Iterator[Problem]:
    if config.warmup is None or config.warmup.examples is not None:
        return
    if not any(source.generator or source.worked for source in config.data.train):
        yield Problem(
            ("warmup",),
            "has no worked examples to learn from: data.train has no `generator`, which makes its own. Ways out:\n"
            "(1) warmup.examples: a JSONL file of prompts and responses,\n(2) `worked: equations` at a source of word "
            "problems,\n(3) leave `warmup` out.",
            also=(("data", "train"),),
        )


def config_warnings(config: RunConfig) -> list[str]:
    """What is allowed, but rarely meant."""
    return [*_warnings(config), *budget_warnings(config)]


def _warnings(config: RunConfig) -> Iterator[str]:
    samples, parts = config.samples_per_step, config.optimizer_steps_per_batch
    if samples % parts:
        yield (
            f"{samples} samples do not split evenly into {parts} optimizer steps: some have {samples // parts}, some "
            f"{samples // parts + 1}, and each weighs the same."
        )
    if config.rollout.sampling.top_p < 1:
        yield (
            f"rollout.sampling.top_p is {config.rollout.sampling.top_p}: samples come from a cut distribution, but the "
            "learner's probabilities are those of the whole one, so every ratio is off. Train at 1.0."
        )
    if not config.data.eval:
        yield "data.eval is empty: accuracy before and after on held-out prompts will not be measured."
    if config.learner.tokens_per_micro_batch < config.model.context_tokens:
        yield (
            f"learner.tokens_per_micro_batch ({config.learner.tokens_per_micro_batch}) is below model.context_tokens "
            f"({config.model.context_tokens}): a longer sample makes a micro-batch of its own, larger than that."
        )
    if config.learner.policy.warmup_steps >= config.steps:
        yield (
            f"learner.policy.warmup_steps ({config.learner.policy.warmup_steps}) is not below steps ({config.steps}): "
            "the learning rate never reaches its value."
        )
    decay = config.learner.policy.decay
    if decay is not None and decay.after >= config.steps:
        yield (f"learner.policy.decay.after ({decay.after}) is not below steps ({config.steps}): the rate never falls.")
    device = planned_device(config)
    kernel = choose_attention(config.model.attention, device)
    if config.learner.packing == "on" and not packing_pays(kernel, device):
        yield (
            f"learner.packing is on, but {kernel} on {device} computes attention between the samples of a packed row "
            "too, and throws it away: with long samples that costs more than padding. `auto` packs where it pays."
        )
    if config.algorithm.importance.kind == "off" and config.algorithm.old_logprobs == "learner":
        yield from _uncorrected(config)
    pretrained = config.model.critic is not None
    if config.algorithm.uses_critic and config.algorithm.value_pretraining.max_steps == 0 and not pretrained:
        yield (
            "algorithm.value_pretraining.max_steps is 0: the policy starts with a critic that knows nothing (in "
            "VAPO's ablation that costs most of the gain)."
        )


def _uncorrected(config: RunConfig) -> Iterator[str]:
    """Where samples are learnt from by other weights than sampled them, and the ratio does not know it."""
    ways = "Corrected by algorithm.importance.kind: tis (icepop, full), or by algorithm.old_logprobs: rollout."
    sampling = config.algorithm.dynamic_sampling
    if sampling.enabled and sampling.oversampling > 1:
        yield (
            f"algorithm.dynamic_sampling.oversampling is {sampling.oversampling:g}: groups left over from a step are "
            f"learnt from later, by other weights than sampled them. {ways}"
        )
    if config.streaming.max_staleness > 0:
        yield (
            f"streaming.max_staleness is {config.streaming.max_staleness}: samples are learnt from by other weights "
            f"than sampled them. {ways}"
        )
