"""What sections of a configuration must be to each other. Imports no torch.

An error names its keys and gives numbered ways out where there are several. A warning is something that is allowed,
but rarely meant. That rewards exist and take their options is checked where they are loaded (`rewards/loader.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from rewards.settings.source import Key, Problem
from rl.config import RunConfig
from rl.data.tasks import LetterCountOptions
from rl.models.errors import ModelNotFound
from rl.models.resolve import model_shape


def config_problems(config: RunConfig) -> list[Problem]:
    """All contradictions between the sections."""
    checks = (_groups, _rewards, _sizes, _model, _generators, _devices, _warm_start)
    return [problem for check in checks for problem in check(config)]


def _groups(config: RunConfig) -> Iterator[Problem]:
    algorithm, size, key = config.algorithm, config.group_size, ("group_size",)
    preset: Key = ("algorithm", "preset")
    if size == 1 and algorithm.advantage == "group":
        yield Problem(
            key,
            f"is 1, but `{algorithm.preset}` compares the samples of one prompt with each other: with one sample every "
            "advantage is 0. Ways out:\n(1) group_size: 16, as in the paper (at least 2),\n"
            "(2) algorithm.advantage: gae, which learns a critic instead of comparing.",
            also=(preset, ("algorithm", "advantage")),
        )
    if size == 1 and algorithm.dynamic_sampling.enabled:
        yield Problem(
            key,
            "is 1, but dynamic sampling keeps only prompts with both right and wrong samples: nothing would ever be "
            "kept. Ways out:\n(1) group_size: 2 or more,\n(2) algorithm.dynamic_sampling.enabled: false.",
            also=(preset, ("algorithm", "dynamic_sampling", "enabled")),
        )
    pretraining = algorithm.value_pretraining
    if pretraining.min_steps > pretraining.max_steps > 0:
        yield Problem(
            ("algorithm", "value_pretraining", "min_steps"),
            f"is {pretraining.min_steps}, above max_steps ({pretraining.max_steps})",
            also=(("algorithm", "value_pretraining", "max_steps"),),
        )


def _rewards(config: RunConfig) -> Iterator[Problem]:
    if all(reward.weight == 0 for reward in config.rewards):
        yield Problem(("rewards",), "every weight is 0: there is nothing to learn from. Give one a weight.")


def _sizes(config: RunConfig) -> Iterator[Problem]:
    samples = config.prompts_per_step * config.group_size
    sized: tuple[Key, ...] = (("prompts_per_step",), ("group_size",))
    per_optimizer_step = samples / config.optimizer_steps_per_batch
    if per_optimizer_step < 1:
        yield Problem(
            ("optimizer_steps_per_batch",),
            f"is {config.optimizer_steps_per_batch}, but a batch has only {samples} samples (prompts_per_step x "
            f"group_size = {config.prompts_per_step} x {config.group_size}): at most {samples}",
            also=sized,
        )
    elif per_optimizer_step < config.learner.ranks:
        yield Problem(
            ("learner", "ranks"),
            f"is {config.learner.ranks}, but an optimizer step has only {per_optimizer_step:g} samples: some ranks "
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


def _generators(config: RunConfig) -> Iterator[Problem]:
    for part, sources in (("train", config.data.train), ("eval", config.data.eval)):
        for place, source in enumerate(sources):
            if source.generator is None:
                continue
            try:
                LetterCountOptions.model_validate(source.options)
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
    if not any(source.generator for source in config.data.train):
        yield Problem(
            ("warmup",),
            "has no worked examples to learn from: data.train has no `generator`, which makes its own. Ways out:\n"
            "(1) warmup.examples: a JSONL file of prompts and responses,\n(2) leave `warmup` out.",
            also=(("data", "train"),),
        )


def config_warnings(config: RunConfig) -> list[str]:
    """What is allowed, but rarely meant."""
    return list(_warnings(config))


def _warnings(config: RunConfig) -> Iterator[str]:
    samples, parts = config.prompts_per_step * config.group_size, config.optimizer_steps_per_batch
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
    if config.algorithm.uses_critic and config.algorithm.value_pretraining.max_steps == 0:
        yield (
            "algorithm.value_pretraining.max_steps is 0: the policy starts with a critic that knows nothing (in "
            "VAPO's ablation that costs most of the gain)."
        )
