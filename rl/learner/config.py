"""The `learner:` section: DeepSpeed ranks, optimizers, micro-batches. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rewards.config import Section


class DecayConfig(Section):
    """A learning rate that falls linearly and then stays."""

    after: int = Field(ge=0)
    """Steps at the full rate, those of the rise included."""
    steps: int = Field(ge=1)
    """Steps over which it falls."""
    floor: float = Field(0.1, ge=0, lt=1)
    """Share of the rate that is left."""

    def share(self, step: int) -> float:
        """Of the rate, in a step (the first is 1)."""
        return 1 - (1 - self.floor) * min(max(step - self.after, 0) / self.steps, 1)


class OptimizerConfig(Section):
    """AdamW with linear warm-up, then a constant rate, then (if asked) one that falls."""

    learning_rate: float = Field(1e-6, gt=0)
    """The constant rate after warm-up."""
    warmup_steps: int = Field(20, ge=0)
    """Steps (batches, not optimizer steps) over which the rate rises linearly."""
    decay: DecayConfig | None = None
    """How the rate falls in the end: the policy settles where its samples agree; null: it does not."""
    weight_decay: float = Field(0.1, ge=0)
    """Decoupled weight decay."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's averaging factors."""
    gradient_clip: float = Field(1.0, gt=0)
    """Largest global gradient norm."""

    def rate(self, step: int) -> float:
        """The learning rate of a step; the first is 1."""
        rising = min(1.0, step / max(1, self.warmup_steps))
        return self.learning_rate * rising * (1.0 if self.decay is None else self.decay.share(step))


class LoraConfig(Section):
    """Low-rank adapters by peft; the merged weights are what rollout workers receive."""

    rank: int = Field(16, ge=1)
    """Width of the adapters."""
    alpha: float = Field(32.0, gt=0)
    """Adapters are scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout before the adapters."""
    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    """Names of the modules that get adapters; `all-linear`: every linear layer but the head."""


class OffloadConfig(Section):
    """What DeepSpeed keeps in host memory."""

    optimizer: bool = False
    """Needs zero_stage 1, 2 or 3."""
    parameters: bool = False
    """Needs zero_stage 3."""


class LearnerConfig(Section):
    """The learner group: `ranks` Ray actors that train the policy (and the critic)."""

    ranks: int = Field(1, ge=1)
    """Learner processes, one GPU (or a share of the CPU cores) each."""
    sequence_parallel: int = Field(1, ge=1)
    """Ranks that share each sequence (Ulysses): for samples too long for one rank's memory. The ranks form
    ranks / sequence_parallel data-parallel groups, each with micro-batches of its own."""
    zero_stage: Literal[0, 1, 2, 3] = 0
    """DeepSpeed ZeRO: 0 replicate, 1 shard optimizer, 2 and gradients, 3 and parameters."""
    tokens_per_micro_batch: int = Field(8192, ge=1)
    """Most tokens (padding included) in one forward-backward pass; sequence-parallel ranks share them."""
    packing: Literal["auto", "on", "off"] = "auto"
    """Put the samples of a micro-batch into one row, one after another, without padding; none sees another. `auto`:
    where the attention kernel skips what lies between samples (flash_attention_2 and flex_attention on GPU). Other
    kernels compute attention over the whole row and mask it."""
    share_prompts: Literal["auto", "on", "off"] = "auto"
    """Compute the prompt of a group once, not once for each of its samples, where that is less work: with prompts about
    as long as responses, nearly half of it. `auto`: on CPU, with the kernel sdpa and no sliding windows; `on` insists
    on them."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto`: bfloat16 with float32 master weights on GPU, float32 on CPU."""
    policy: OptimizerConfig = OptimizerConfig()
    """The policy's optimizer."""
    critic: OptimizerConfig = OptimizerConfig(learning_rate=2e-6)
    """The critic's optimizer (`advantage: gae`)."""
    lora: LoraConfig | None = None
    """Train adapters instead of all weights."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass."""
    logprob_chunk_tokens: int = Field(2048, ge=1)
    """Tokens whose full-vocabulary logits exist at once."""
    offload: OffloadConfig = OffloadConfig()
    cpu_threads: int | None = Field(None, ge=1)
    """Torch threads of one rank on CPU; default: the machine's cores divided by the ranks."""

    @property
    def data_parallel(self) -> int:
        """Groups of ranks with micro-batches of their own."""
        return self.ranks // self.sequence_parallel

    @model_validator(mode="after")
    def _groups_are_full(self) -> LearnerConfig:
        if self.ranks % self.sequence_parallel:
            raise ValueError(
                f"ranks ({self.ranks}) must be a multiple of sequence_parallel ({self.sequence_parallel}): each "
                "sequence is shared by as many ranks"
            )
        return self

    @model_validator(mode="after")
    def _one_layout(self) -> LearnerConfig:
        if self.share_prompts == "on" and (self.packing == "on" or self.sequence_parallel > 1):
            other = "packing: on" if self.packing == "on" else f"sequence_parallel: {self.sequence_parallel}"
            raise ValueError(f"give share_prompts: on or {other}, not both: a micro-batch has one layout")
        return self

    @model_validator(mode="after")
    def _offload_needs_sharding(self) -> LearnerConfig:
        if self.offload.parameters and self.zero_stage != 3:
            raise ValueError("offload.parameters needs zero_stage 3 (DeepSpeed offloads what it shards)")
        if self.offload.optimizer and self.zero_stage == 0:
            raise ValueError("offload.optimizer needs zero_stage 1, 2 or 3 (DeepSpeed offloads what it shards)")
        return self
