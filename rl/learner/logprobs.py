"""Token log-probabilities and entropy from hidden states, in chunks.

The logits of all tokens over the whole vocabulary never exist at once in float32: with 150k words that would be
0.6 MB a token. `LogprobHead` takes the place of the language model's head; it owns the same weight under the same
name, so that ZeRO-3 gathers it around the whole computation and checkpoints do not change.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class LogprobHead(nn.Module):
    """Output head that returns log-probabilities of given tokens instead of logits."""

    def __init__(self, head: nn.Linear, chunk_tokens: int) -> None:
        """Take over a head's parameters.

        Args:
            head: the model's output head; its parameters are shared, not copied (a tied weight stays tied).
            chunk_tokens: tokens whose logits exist at once.
        """
        super().__init__()
        self.weight = head.weight
        self.bias = head.bias
        self.chunk_tokens = chunk_tokens

    def forward(
        self, hidden: Tensor, targets: Tensor, temperature: float, with_entropy: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities of `targets` and entropies of softmax(logits / temperature), in nats.

        Args:
            hidden: [N, D] hidden states of the positions that predict the targets.
            targets: [N] token ids.
            temperature: of the softmax, > 0.
            with_entropy: compute the entropies too.

        Returns:
            log-probabilities [N] float32 and entropies [N] float32 (or None), both differentiable.
        """
        device = hidden.device.type
        if torch.is_autocast_enabled(device):
            hidden = hidden.to(torch.get_autocast_dtype(device))
        result: tuple[Tensor, Tensor | None] = _ChunkedLogprobs.apply(  # type: ignore[no-untyped-call]
            hidden, self.weight, self.bias, targets, temperature, self.chunk_tokens, with_entropy
        )
        return result


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, temperature: float) -> Tensor:
    """[C, V] float32, divided by the temperature."""
    bias = None if bias is None else bias.to(hidden.dtype)
    logits = nn.functional.linear(hidden, weight.to(hidden.dtype), bias).float()
    return logits.div_(temperature) if temperature != 1 else logits


class _ChunkedLogprobs(torch.autograd.Function):
    """Forward keeps one number a token; backward computes the logits again, chunk by chunk.

    When all tokens fit one chunk, its logits are kept: nothing is computed twice.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        temperature: float,
        chunk_tokens: int,
        with_entropy: bool,
    ) -> tuple[Tensor, Tensor | None]:
        count = hidden.shape[0]
        logprobs, normaliser, entropy = (
            torch.empty(count, dtype=torch.float32, device=hidden.device) for _ in range(3)
        )
        kept: Tensor | None = None
        for start in range(0, count, chunk_tokens):
            part = slice(start, start + chunk_tokens)
            logits = _logits(hidden[part], weight, bias, temperature)
            norm = torch.logsumexp(logits, dim=-1)
            normaliser[part] = norm
            logprobs[part] = logits.gather(1, targets[part, None]).squeeze(1) - norm
            if with_entropy:
                entropy[part] = norm - (logits - norm[:, None]).exp_().mul_(logits).sum(-1)
            if count <= chunk_tokens:
                kept = logits
        ctx.save_for_backward(hidden, weight, bias, targets, normaliser, entropy if with_entropy else None, kept)
        ctx.temperature, ctx.chunk_tokens = temperature, chunk_tokens
        ctx.set_materialize_grads(False)  # None, not zeros, for the one that is in no loss
        return logprobs, entropy if with_entropy else None

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, normaliser, entropy, kept = ctx.saved_tensors
        of_logprobs, of_entropy = (None if g is None else g[:, None] / ctx.temperature for g in gradients)
        scale = torch.zeros_like(normaliser)[:, None] if of_logprobs is None else of_logprobs
        need_hidden, need_weight, need_bias = ctx.needs_input_grad[:3]
        of_hidden = torch.empty_like(hidden) if need_hidden else None
        of_weight = torch.zeros_like(weight, dtype=torch.float32) if need_weight else None
        of_bias = torch.zeros_like(bias, dtype=torch.float32) if need_bias else None
        for start in range(0, hidden.shape[0], ctx.chunk_tokens):
            part = slice(start, start + ctx.chunk_tokens)
            logits = _logits(hidden[part], weight, bias, ctx.temperature) if kept is None else kept
            logs = logits - normaliser[part, None]
            if of_entropy is None:  # d logp(target) / d logits = onehot(target) - p
                of_logits = logs.exp_().mul_(-scale[part])
            else:  # d entropy / d logits = -p (log p + entropy)
                of_logits = logs.exp().mul_(logs.add_(entropy[part, None]).mul_(-of_entropy[part]).sub_(scale[part]))
            of_logits = of_logits.scatter_add_(1, targets[part, None], scale[part]).to(hidden.dtype)
            if of_hidden is not None:
                of_hidden[part] = of_logits @ weight.to(hidden.dtype)
            if of_weight is not None:
                of_weight += of_logits.T @ hidden[part]
            if of_bias is not None:
                of_bias += of_logits.sum(0)
        of_weight = None if of_weight is None else of_weight.to(weight.dtype)
        of_bias = None if of_bias is None else of_bias.to(bias.dtype)
        return of_hidden, of_weight, of_bias, None, None, None, None
