"""`ponder check`: the arithmetic that follows from a configuration, without starting anything. Imports no torch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel

from rewards.config import RewardConfig
from rl.budget.plan import budget_rows
from rl.config import RunConfig
from rl.data.config import SourceConfig
from rl.errors import PonderError
from rl.learner.kernels import Device
from rl.memory import learner_memory, rollout_memory
from rl.models.known import ModelShape
from rl.models.resolve import model_shape

Rows = list[tuple[str, str]]
"""Label and value, in the order in which they are shown."""

CPU_NATIVE_BYTES = 4
"""float32: what engines and learners compute in on a CPU unless told otherwise."""


@dataclass(frozen=True)
class Arithmetic:
    """Numbers that follow from the configuration."""

    samples_per_step: int
    """prompts_per_step x group_size"""
    response_tokens_per_step: int
    """At most: samples_per_step x max_response_tokens."""
    samples_per_optimizer_step: float
    """samples_per_step / optimizer_steps_per_batch"""
    optimizer_steps: int
    """In the whole run: steps x optimizer_steps_per_batch."""
    prompts: int
    """In the whole run, at least (dynamic sampling and value pretraining ask for more): steps x prompts_per_step."""
    staleness: int
    """Weight versions between generation and use, at most."""
    gpus: int
    """GPUs that Ray must have: workers x tensor_parallel + ranks (0 on CPU)."""
    cpus: int
    """CPU cores that Ray must have: one for every worker and rank."""


def arithmetic(config: RunConfig, device: str) -> Arithmetic:
    """The numbers of a configuration on a device ("cpu" or "gpu")."""
    samples = config.samples_per_step
    workers, ranks = config.rollout.workers, config.learner.ranks
    return Arithmetic(
        samples_per_step=samples,
        response_tokens_per_step=samples * config.rollout.max_response_tokens,
        samples_per_optimizer_step=samples / config.optimizer_steps_per_batch,
        optimizer_steps=config.steps * config.optimizer_steps_per_batch,
        prompts=config.steps * config.prompts_per_step,
        staleness=config.streaming.max_staleness or _left_over(config),
        gpus=workers * config.rollout.tensor_parallel + ranks if device == "gpu" else 0,
        cpus=workers + ranks,
    )


def _left_over(config: RunConfig) -> int:
    """Steps that a group may wait for when dynamic sampling asks for more groups than are missing."""
    sampling = config.algorithm.dynamic_sampling
    return math.ceil(sampling.oversampling - 1) if sampling.enabled else 0


def _staleness(config: RunConfig, versions: int) -> str:
    if versions == 0:
        return "0 weight versions (synchronous)"
    most = f"at most {versions} weight version{'s' * (versions > 1)}"
    if config.streaming.max_staleness == 0:
        return f"{most}: groups left over from oversampling wait"
    groups = versions * math.floor((1 - config.streaming.completion_ratio) * config.prompts_per_step + 1e-9)
    if config.streaming.placement == "shared":
        return f"{most}: up to {groups:,} groups are unfinished when the learner works"
    return f"{most}: up to {groups:,} groups are generated while the learner works"


def gpus_here() -> int:
    """NVIDIA GPUs of this machine, by their device files (asking the driver takes a second)."""
    return len([path for path in Path("/dev").glob("nvidia*") if path.name[6:].isdecimal()])


def planned_device(config: RunConfig) -> Device:
    """The device that `auto` will be."""
    if config.device != "auto":
        return config.device
    return "gpu" if gpus_here() else "cpu"


def plan_rows(config: RunConfig) -> Rows:
    """The short plan that a run begins with."""
    device = planned_device(config)
    numbers = arithmetic(config, device)
    per_step = f"{config.prompts_per_step} prompts x {config.group_size} = {numbers.samples_per_step:,} samples"
    return [
        (
            "model",
            f"{config.model.name} ({_parameters(known_shape(config))}), context {config.model.context_tokens:,} tokens",
        ),
        ("algorithm", f"{config.algorithm.preset} ({_networks(config)})"),
        ("a step", f"{per_step}, at most {numbers.response_tokens_per_step:,} response tokens"),
        ("learning", f"{_optimizer_steps(config, numbers)} at learning rate {config.learner.policy.learning_rate:g}"),
        ("the run", f"{config.steps:,} steps, {numbers.optimizer_steps:,} optimizer steps{_epochs(config, numbers)}"),
        *budget_rows(config),
        ("staleness", _staleness(config, numbers.staleness)),
        ("rewards", ", ".join(map(_reward, config.rewards))),
        ("machines", _machines(config, numbers, device)),
    ]


def _reward(reward: RewardConfig) -> str:
    """`brevity x 0.1 (where task == "gsm8k", behind math)`"""
    ties = [f"where {reward.when}"] if reward.when else []
    ties += [f"behind {' or '.join(reward.gates)}"] if reward.gates else []
    return f"{reward.label} x {reward.weight:g}" + (f" ({', '.join(ties)})" if ties else "")


def full_rows(config: RunConfig) -> Rows:
    """All that `ponder check` prints: the plan, memory, and what differs from the preset."""
    return [*plan_rows(config), *_memory_rows(config), *_preset_rows(config)]


def missing_files(config: RunConfig) -> list[str]:
    """Files that the configuration names and that are not here."""
    named = [(f"data.train.{i}.path", source.path) for i, source in enumerate(config.data.train)]
    named += [(f"data.eval.{i}.path", source.path) for i, source in enumerate(config.data.eval)]
    named += [("warmup.examples", config.warmup.examples if config.warmup else None)]
    named += [("algorithm.value_pretraining.samples", config.algorithm.value_pretraining.samples)]
    return [f"{key}: {path}" for key, path in named if path is not None and not path.exists()]


def needed_elsewhere(config: RunConfig) -> list[str]:
    """What a run needs and this machine does not have; `ponder check` says so, `ponder train` fails on it."""
    device = planned_device(config)
    numbers = arithmetic(config, device)
    needs = []
    if numbers.gpus > gpus_here():
        needs.append(f"{numbers.gpus} GPUs (here: {gpus_here()})")
    cores = os.cpu_count() or 1
    if numbers.cpus > cores:
        needs.append(f"{numbers.cpus} CPU cores for {config.rollout.workers} rollout workers and "
                     f"{config.learner.ranks} learner ranks (here: {cores})")  # fmt: skip
    needs += [f"the file of {line}" for line in missing_files(config)]
    needs += [f"the package {name} (tracking.also)" for name in config.tracking.also if find_spec(name) is None]
    return needs


def known_shape(config: RunConfig) -> ModelShape | None:
    """The model's shape, or None where only the model's own config.json could tell and it is not here."""
    try:
        return model_shape(config.model.name)
    except PonderError:
        return None


def _parameters(shape: ModelShape | None) -> str:
    if shape is None:
        return "size unknown here"
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if shape.parameters >= size:
            return f"{shape.parameters / size:.3g}{unit} parameters"
    return f"{shape.parameters} parameters"


def _networks(config: RunConfig) -> str:
    names = ["policy"]
    if config.algorithm.uses_critic:
        names.append(f"critic from {config.model.critic or 'the policy'}")
    if config.algorithm.uses_reference:
        names.append("frozen reference" if config.learner.lora is None else "reference: the policy without adapters")
    return ", ".join(names)


def _optimizer_steps(config: RunConfig, numbers: Arithmetic) -> str:
    count = config.optimizer_steps_per_batch
    return f"{count} optimizer step{'s' * (count > 1)} a batch, {numbers.samples_per_optimizer_step:g} samples each"


def _epochs(config: RunConfig, numbers: Arithmetic) -> str:
    counts = [prompt_count(source) for source in config.data.train]
    if None in counts:
        return f", {numbers.prompts:,} prompts (the data is not here to be counted)"
    total = sum(count for count in counts if count is not None)
    return f", {numbers.prompts:,} of {total:,} prompts ({numbers.prompts / max(total, 1):.2g} epochs)"


def prompt_count(source: SourceConfig) -> int | None:
    """Prompts of a source: stated, or the lines of a JSONL file; None where that cannot be told cheaply."""
    if source.path is None:
        return source.size
    if source.path.suffix not in (".jsonl", ".json") or not source.path.is_file():
        return None
    with source.path.open("rb") as file:
        lines = sum(1 for line in file if line.strip())
    return min(lines, source.size) if source.size else lines


def _machines(config: RunConfig, numbers: Arithmetic, device: str) -> str:
    rollout, ranks = config.rollout, config.learner.ranks
    parts = f"{rollout.workers} rollout worker{'s' * (rollout.workers > 1)}"
    if rollout.tensor_parallel > 1:
        parts += f" x {rollout.tensor_parallel} GPUs"
    parts += f" + {ranks} learner rank{'s' * (ranks > 1)}"
    if config.learner.sequence_parallel > 1:
        parts += (
            f" ({config.learner.data_parallel} data-parallel x {config.learner.sequence_parallel} sequence-parallel)"
        )
    amount = f"{numbers.gpus} GPUs and {numbers.cpus} CPU cores" if device == "gpu" else f"{numbers.cpus} CPU cores"
    return f"{device}: {parts}; Ray needs {amount}"


def _memory_rows(config: RunConfig) -> Rows:
    shape = known_shape(config)
    if shape is None:
        return [("memory", f"not estimated: the shape of {config.model.name} is not known here (no config.json)")]
    gpu = planned_device(config) == "gpu"
    context = config.model.context_tokens
    learner = learner_memory(
        shape,
        config.learner,
        critic=config.algorithm.uses_critic,
        reference=config.algorithm.uses_reference,
        compute_bytes=_bytes(config.learner.dtype, gpu),
        context_tokens=context,
    )
    host = f"; {size(learner.host)} more in host memory" if learner.host else ""
    worker = rollout_memory(
        shape, config.rollout, compute_bytes=_bytes(config.rollout.dtype, gpu), context_tokens=context
    )
    where = "a rollout GPU" if gpu else "a rollout worker"
    sample, most = size(worker.kv_token * context), config.rollout.max_concurrent_samples
    kv = f"KV cache {sample} a full-length sample (all {most} at once: {size(worker.kv_full)}; what does not fit waits)"
    if not gpu:
        fit = config.rollout.cpu_kv_cache_gib * 2**30 / (worker.kv_token * context)
        kv = f"KV cache {config.rollout.cpu_kv_cache_gib:g} GiB ({fit:,.0f} full-length samples at once)"
    return [
        (
            "a learner rank",
            f"about {size(learner.device)}: weights {size(learner.weights)}, gradients {size(learner.gradients)}, "
            f"optimizer {size(learner.optimizer)}, activations {size(learner.activations)}, "
            f"logits {size(learner.logits)}{host}",
        ),
        (where, f"weights {size(worker.weights)}, {kv}"),
    ]


def _bytes(dtype: str, gpu: bool) -> int:
    if dtype == "auto":
        return 2 if gpu else CPU_NATIVE_BYTES
    return 4 if dtype == "float32" else 2


def size(amount: float) -> str:
    """`1.5 GiB`"""
    for unit, scale in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if amount >= scale:
            return f"{amount / scale:.3g} {unit}"
    return f"{amount / 2**10:.3g} KiB"


def _preset_rows(config: RunConfig) -> Rows:
    algorithm = config.algorithm
    changed = list(_changed(algorithm, type(algorithm)()))
    return [(f"unlike {algorithm.preset}'s recipe", ", ".join(changed) or "nothing")]


def _changed(now: BaseModel, preset: BaseModel, key: str = "") -> Iterator[str]:
    for name in type(now).model_fields:
        mine, default = getattr(now, name), getattr(preset, name)
        if isinstance(mine, BaseModel) and isinstance(default, BaseModel):
            yield from _changed(mine, default, f"{key}{name}.")
        elif mine != default:
            yield f"{key}{name} {_yaml(mine)} (recipe: {_yaml(default)})"


def _yaml(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, BaseModel):
        return "{" + ", ".join(f"{name}: {_yaml(part)}" for name, part in value) + "}"
    return str(value).lower() if isinstance(value, bool) else f"{value}"
