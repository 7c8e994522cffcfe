"""From a model's shape and a GPU's data sheet to seconds: the figures of a cluster that was not measured.

P parameters, b bytes of one, L layers, h width of the attention (heads x head size), t GPUs of a worker
(tensor_parallel). Dense decoders; of a mixture of experts all parameters are counted, so that it comes out too slow.

- A decode step reads the weights (b P / t bytes) or computes 2 P / t operations a sample, whichever takes longer, and
  reads the keys and values of every running sample. Prompts are computed at 2 P / t operations a token.
- A learner computes 2 P l + 2 L h l^2 operations for one pass over a sample of l tokens (attention is causal). There
  are 4 passes, one for the estimates before the update and three for the update (forward, and twice as much backward),
  5 with activation checkpointing, one less with `old_logprobs: rollout`; 4 or 5 again with a critic, and one more with
  a reference.
- New weights cross the network once, at `publish_gb_s`, while workers stand still.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from rewards.config import Section
from rewards.settings.source import Problem, read_source
from rewards.settings.validate import checked
from rl.config import RunConfig
from rl.errors import ConfigError
from rl.memory import learner_memory, rollout_memory
from rl.models.known import ModelShape
from rl.simulation.figures import EngineFigures, Figures, LearnerFigures

GIB = 2.0**30
SPARE = 1.2
"""What `rl/memory.py` advises to plan on above its estimate of a learner rank."""


class Hardware(Section):
    """One GPU and what is reached of it. The defaults are an NVIDIA H100 (SXM): capacities from its data sheet, shares
    and overheads assumed."""

    gpu_memory_gib: float = Field(80.0, gt=0)
    """Memory of a GPU."""
    bandwidth_tb_s: float = Field(3.35, gt=0)
    """Of its memory, in TB/s."""
    tflops: float = Field(989.0, gt=0)
    """Dense bfloat16, in 10^12 operations a second."""
    decode_bandwidth: float = Field(0.7, gt=0, le=1)
    """Share of the bandwidth that decoding reaches."""
    decode_compute: float = Field(0.6, gt=0, le=1)
    """Share of the operations that decoding many samples reaches."""
    prefill_compute: float = Field(0.5, gt=0, le=1)
    """Share of the operations that computing prompts reaches."""
    learner_compute: float = Field(0.4, gt=0, le=1)
    """Share of the operations that the learner reaches, of all that it computes; communication included."""
    step_overhead_ms: float = Field(2.0, ge=0)
    """Of a decode step, whatever is in it."""
    reduce_us: float = Field(15.0, ge=0)
    """Of one reduction over a worker's GPUs; there are two a layer."""
    sample_us: float = Field(5.0, ge=0)
    """Of a decode step, for each sample: sampling and the engine's bookkeeping."""
    engine_memory_gib: float = Field(4.0, ge=0)
    """Of each GPU of a worker: activations, CUDA graphs."""
    optimizer_step_s: float = Field(0.5, ge=0)
    """Of the learner, for each optimizer step."""
    batch_s: float = Field(1.0, ge=0)
    """Of the learner, for each batch: sending it, targets, metrics."""
    publish_gb_s: float = Field(40.0, gt=0)
    """At which new weights reach the workers, all at once, in GB/s."""
    publish_s: float = Field(1.0, ge=0)
    """Of new weights, whatever their size."""
    scoring_s: float = Field(0.2, ge=0)
    """Rewards of a group."""


def read_hardware(path: Path | None) -> Hardware:
    """The hardware of a YAML file; what does not stand in it is an H100's.

    Raises:
        SettingsError: with all mistakes.
    """
    if path is None:
        return Hardware()

    def check(hardware: Hardware) -> Iterator[Problem]:
        return iter(())

    return checked(read_source(path), Hardware, check=check)


def figures_of(config: RunConfig, shape: ModelShape, hardware: Hardware) -> Figures:
    """What a run's parts would take on such GPUs.

    Raises:
        ConfigError: the model does not fit a worker or a rank.
    """
    publish = hardware.publish_s + _bytes(config) * shape.parameters / (hardware.publish_gb_s * 1e9)
    return Figures(
        engine=engine_figures(config, shape, hardware),
        learner=learner_figures(config, shape, hardware),
        publish=publish,
        pause=publish,
        scoring=hardware.scoring_s,
    )


def engine_figures(config: RunConfig, shape: ModelShape, hardware: Hardware) -> EngineFigures:
    """One rollout worker.

    Raises:
        ConfigError: its KV cache would not hold one sample.
    """
    rollout, split = config.rollout, config.rollout.tensor_parallel
    memory = rollout_memory(shape, rollout, compute_bytes=_bytes(config), context_tokens=config.model.context_tokens)
    room = (hardware.gpu_memory_gib * rollout.gpu_memory_utilization - hardware.engine_memory_gib) * GIB
    kv_tokens = (room - memory.weights) / memory.kv_token
    if kv_tokens < config.model.context_tokens:
        raise ConfigError(
            f"{split} GPU{'s' * (split > 1)} of {hardware.gpu_memory_gib:g} GiB hold the weights of a rollout worker "
            f"({memory.weights / GIB:.3g} GiB each) and {max(kv_tokens, 0):,.0f} tokens of KV cache, less than one "
            f"sample (model.context_tokens={config.model.context_tokens:,}). Ways out: (1) larger "
            "rollout.tensor_parallel, (2) larger rollout.gpu_memory_utilization, (3) other GPUs (--hardware)."
        )
    bandwidth = hardware.bandwidth_tb_s * 1e12 * hardware.decode_bandwidth
    operations = 2.0 * shape.parameters / split / (hardware.tflops * 1e12)
    reductions = 2 * shape.layers * hardware.reduce_us * 1e-6 if split > 1 else 0.0
    return EngineFigures(
        fixed=hardware.step_overhead_ms * 1e-3 + reductions,
        weights=memory.weights / bandwidth,
        compute=operations / hardware.decode_compute,
        sample=hardware.sample_us * 1e-6,
        context=memory.kv_token / bandwidth,
        prefill=operations / hardware.prefill_compute,
        slots=rollout.max_concurrent_samples,
        kv_tokens=kv_tokens,
    )


def learner_figures(config: RunConfig, shape: ModelShape, hardware: Hardware) -> LearnerFigures:
    """The learner group.

    Raises:
        ConfigError: a rank has too little memory.
    """
    learner, algorithm = config.learner, config.algorithm
    needed = SPARE * learner_memory(
        shape,
        learner,
        critic=algorithm.uses_critic,
        reference=algorithm.uses_reference,
        compute_bytes=_bytes(config),
        context_tokens=config.model.context_tokens,
    ).device / GIB  # fmt: skip
    if needed > hardware.gpu_memory_gib:
        raise ConfigError(
            f"a learner rank needs about {needed:.3g} GiB (a fifth more than `ponder check` says), a GPU has "
            f"{hardware.gpu_memory_gib:g}. Ways out: (1) more learner.ranks with learner.zero_stage 3, "
            "(2) learner.sequence_parallel, (3) learner.activation_checkpointing, (4) learner.offload."
        )
    passes = learner_passes(config)
    speed = hardware.tflops * 1e12 * hardware.learner_compute * learner.sequence_parallel
    return LearnerFigures(
        token=passes * 2.0 * shape.parameters / speed,
        attention=passes * 2.0 * shape.layers * shape.heads * shape.head_dim / speed,
        optimizer_step=hardware.optimizer_step_s,
        batch=hardware.batch_s,
        groups=learner.data_parallel,
        optimizer_steps=config.optimizer_steps_per_batch,
    )


def learner_passes(config: RunConfig) -> float:
    """Of a learner over a token of a batch, in forward passes; a backward pass is two, of adapters alone one."""
    learner, algorithm = config.learner, config.algorithm
    update = (2.0 if learner.lora is not None else 3.0) + learner.activation_checkpointing
    policy = update + (algorithm.old_logprobs == "learner")
    critic = (update + 1.0) if algorithm.uses_critic else 0.0
    return policy + critic + algorithm.uses_reference


def shape_of_parameters(parameters: float, context_tokens: int) -> ModelShape:
    """A decoder of so many parameters with the proportions of its time: heads of 128, 8 of them for keys and values,
    as many layers as query heads, 150,000 words; P = 12 L h^2."""
    hidden = max(round((parameters * 128 / 12) ** (1 / 3) / 128), 8) * 128
    layers = max(round(parameters / (12 * hidden**2)), 1)
    return ModelShape(
        parameters=round(parameters),
        hidden=hidden,
        layers=layers,
        heads=hidden // 128,
        kv_heads=8,
        head_dim=128,
        vocab=150_000,
        context=context_tokens,
    )


def _bytes(config: RunConfig) -> int:
    return 4 if config.rollout.dtype == "float32" else 2
