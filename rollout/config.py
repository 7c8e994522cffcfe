"""The `rollout:` section: how responses are generated. Imports no torch and no vLLM."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rewards.config import Section


class SamplingConfig(Section):
    """How tokens are drawn."""

    temperature: float = Field(1.0, ge=0)
    """Softmax temperature; 0 is greedy (evaluation only)."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus sampling; below 1 the learner's logprobs no longer match the sampling distribution."""


class RolloutConfig(Section):
    """vLLM rollout workers."""

    workers: int = Field(1, ge=1)
    """Rollout workers (Ray actors), each with an engine of its own."""
    tensor_parallel: int = Field(1, ge=1)
    """GPUs of one worker's engine."""
    max_response_tokens: int = Field(1024, ge=1)
    """Longest response; longer ones are truncated (stop reason `length`)."""
    max_concurrent_samples: int = Field(256, ge=1)
    """Samples decoded at once by one worker (vLLM's max_num_seqs)."""
    sampling: SamplingConfig = SamplingConfig()
    """Sampling of training samples."""
    weight_transfer: Literal["auto", "shared_memory", "nccl", "cuda_ipc"] = "auto"
    """How new weights reach the engines. `shared_memory`: memory-mapped safetensors on one host;
    `nccl`, `cuda_ipc`: vLLM's own engines; `auto`: shared_memory on CPU, nccl on GPU."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Compute type of the engine; `auto`: bfloat16 on GPU, float32 on CPU (rollout/machine.py says why)."""
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    """Share of GPU memory for weights and KV cache."""
    cpu_kv_cache_gib: float = Field(1.0, gt=0)
    """KV cache of one worker on CPU, in GiB."""
    cpu_threads: int | None = Field(None, ge=1)
    """OpenMP threads of one worker on CPU; default: the machine's cores divided by the workers."""
    enforce_eager: bool | None = None
    """Skip compilation and CUDA graphs; default: true on CPU, false on GPU."""
    engine_args: dict[str, Any] = Field(default_factory=dict)
    """Any other vLLM engine argument, passed through unchanged."""
    recompute_kv_on_swap: bool = True
    """After a weight swap, compute the KV cache of unfinished samples anew under the new weights: every token's
    logprob is then exact. `false` goes on with the old cache: no pause for long contexts, logprobs slightly off."""
    logprob_gap_limit: float = Field(0.05, gt=0)
    """Alarm when the mean absolute gap between learner and rollout logprobs (nats per token) passes this."""


class StreamingConfig(Section):
    """Generating while the learner learns."""

    max_staleness: int = Field(0, ge=0)
    """Weight versions between a sample's oldest token and the weights that learn from it, at most; enforced by not
    starting what could not be used in time. 0: nothing is generated while the learner works (synchronous)."""
    completion_ratio: float = Field(0.0, ge=0, le=1)
    """Share of a batch's groups, at least, that the newest weights generated wholly (Seed-Thinking-v1.5's streaming
    rollout); the others may be up to `max_staleness` versions old. 1: all of them."""
    partial_rollout: Literal["continue", "restart", "off"] = "continue"
    """What new weights do to unfinished samples. `continue`: they go on under the new weights, every token with its own
    version; `restart`: they begin anew; `off`: the weights wait until all are finished."""
    max_versions_per_sample: int | None = Field(None, ge=1)
    """A sample whose tokens would be of more weight versions begins anew; null: any number (`continue` only)."""
    loss_max_staleness: int | None = Field(None, ge=0)
    """Tokens that are older than this many weight versions leave the loss (their samples stay); null: none does."""
    placement: Literal["split", "shared"] = "split"
    """`split`: workers and learner compute at the same time, each on cores or GPUs of its own; `shared`: on the same
    ones by turns: generation stands still while the learner works, and unfinished samples go on afterwards."""
