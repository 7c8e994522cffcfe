"""Memory estimates by formula, from a model's shape and the configuration alone. Pure; imports no torch.

P parameters, N learner ranks, b bytes of the compute type (2 bfloat16, 4 float32), h hidden size, L layers, V
vocabulary, T tokens of a micro-batch, divided by the ranks that share each sequence. They leave out the allocator's
slack, communication buffers and the runtime itself: plan on a fifth more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rl.learner.config import LearnerConfig, LoraConfig
from rl.models.known import ModelShape
from rollout.config import RolloutConfig

Bytes = float

ADAM_STATE = 8
"""Bytes a trained parameter: two float32 moments."""
MASTER = 4
"""Bytes a trained parameter: its float32 copy, which ZeRO keeps beside the parameters of the compute type."""


@dataclass(frozen=True)
class LearnerMemory:
    """What one learner rank holds."""

    weights: Bytes
    gradients: Bytes
    optimizer: Bytes
    activations: Bytes
    logits: Bytes
    host: Bytes
    """Offloaded to host memory; not part of the others."""

    @property
    def device(self) -> Bytes:
        """Everything that is not in host memory."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits


@dataclass(frozen=True)
class RolloutMemory:
    """What one GPU of a rollout worker (or one worker on CPU) holds."""

    weights: Bytes
    kv_token: Bytes
    """Keys and values of one token."""
    kv_full: Bytes
    """Keys and values when `max_concurrent_samples` all have the longest prompt and response."""


def learner_memory(
    shape: ModelShape, config: LearnerConfig, *, critic: bool, reference: bool, compute_bytes: int, context_tokens: int
) -> LearnerMemory:
    """One rank's memory.

    Parameters, gradients and optimizer state follow ZeRO (arXiv 1910.02054, figure 1) with gradients accumulated in
    float32: stage 0 keeps float32 parameters (4P), gradients (4P) and moments (8P); stages 1 to 3 keep bP, 4P and
    (4 + 8)P, the last divided by N from stage 1, the second from stage 2, the first from stage 3. With LoRA only the
    adapters have gradients and moments. A critic doubles all three. A reference is one more set of parameters; with
    LoRA it is the policy without its adapters, and costs nothing.

    Args:
        shape: of the policy (a critic has the same).
        config: stage, ranks, offload, micro-batches and how many ranks share them.
        critic: whether one is trained.
        reference: whether log-probabilities of the initial policy are needed.
        compute_bytes: b.
        context_tokens: length of the longest sample, which is computed whole.
    """
    stage, ranks = config.zero_stage, config.ranks
    networks = 2 if critic else 1
    trained = shape.parameters if config.lora is None else lora_parameters(shape, config.lora)
    copies = 1 if reference and config.lora is None else 0
    weights = (
        (networks + copies) * shape.parameters * (4 if stage == 0 else compute_bytes) / (ranks if stage == 3 else 1)
    )
    gradients = networks * trained * 4 / (ranks if stage >= 2 else 1)
    optimizer = networks * trained * (ADAM_STATE + (MASTER if stage else 0)) / (ranks if stage else 1)
    tokens = math.ceil(max(config.tokens_per_micro_batch, context_tokens) / config.sequence_parallel)
    activations = activation_bytes(shape, tokens, compute_bytes, checkpointing=config.activation_checkpointing)
    logits = logit_bytes(shape, min(tokens, config.logprob_chunk_tokens))
    host = (optimizer if config.offload.optimizer else 0.0) + (weights if config.offload.parameters else 0.0)
    return LearnerMemory(
        weights=0.0 if config.offload.parameters else weights,
        gradients=gradients,
        optimizer=0.0 if config.offload.optimizer else optimizer,
        activations=activations,
        logits=logits,
        host=host,
    )


def activation_bytes(shape: ModelShape, tokens: int, compute_bytes: int, *, checkpointing: bool) -> Bytes:
    """Activations kept for the backward pass of `tokens` tokens.

    17 b h T a layer (arXiv 2205.05198, equation 1: 34 s b h at 2 bytes), without its attention-score term, since the
    fused kernels do not keep scores. With checkpointing: the layer inputs (b h T each) and one layer in full.
    """
    layer = 17.0 * compute_bytes * shape.hidden * tokens
    if not checkpointing:
        return layer * shape.layers
    return layer + compute_bytes * shape.hidden * tokens * shape.layers


def logit_bytes(shape: ModelShape, chunk_tokens: int) -> Bytes:
    """Logits of one chunk: float32 logits, their softmax and their gradient (12 V each token), and the float32
    gradient of the head that chunks add up in (4 h V)."""
    return 12.0 * chunk_tokens * shape.vocab + 4.0 * shape.hidden * shape.vocab


def lora_parameters(shape: ModelShape, lora: LoraConfig) -> float:
    """Parameters of adapters on all linear layers of a Llama-like decoder: rank x (inputs + outputs) of each.

    The width i of the gated MLP follows from the parameter count: a layer has 2 h q + 2 h k + 3 h i, where q = h and
    k = kv_heads x head_dim, and embedding and head have 2 h V (one of them when i would not be positive: tied).
    """
    h, k = shape.hidden, shape.kv_heads * shape.head_dim
    attention = 2 * h * h + 2 * h * k
    widths = [(shape.parameters - n * h * shape.vocab) / shape.layers - attention for n in (2, 1)]
    width = next((w for w in widths if w > 0), 0.0) / (3 * h)
    return lora.rank * shape.layers * (2 * (h + h) + 2 * (h + k) + 3 * (h + width))


def rollout_memory(
    shape: ModelShape, config: RolloutConfig, *, compute_bytes: int, context_tokens: int
) -> RolloutMemory:
    """One GPU of a rollout worker: weights b P, and 2 b L kv_heads head_dim for every token, over tensor_parallel."""
    split = config.tensor_parallel
    kv_token = 2.0 * compute_bytes * shape.layers * shape.kv_heads * shape.head_dim / min(split, shape.kv_heads)
    return RolloutMemory(
        weights=shape.parameters * compute_bytes / split,
        kv_token=kv_token,
        kv_full=kv_token * config.max_concurrent_samples * context_tokens,
    )
