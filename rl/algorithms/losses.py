"""Token losses of the policy and the critic, and how they become one number.

Shapes: B samples, T response tokens (padded on the right); every loss is returned per token [B, T] and summed up
by `aggregate`, whose denominators are *given*: counts over the whole optimizer step, all micro-batches and ranks.
What a masked entry holds never matters. Everything is computed in float32 (float64 stays float64).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rl.algorithms.tensors import at_least_float32, masked_sum

LOG_RATIO_LIMIT = 20.0
"""exp of more overflows half precision downstream and is no information: such a token is clipped in any case."""

Aggregation = Literal["token_mean", "sample_mean"]


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """Per-token results, all [B, T]."""

    losses: Tensor
    ratio: Tensor
    """pi_new / pi_old, detached."""
    clipped_high: Tensor
    """bool: the upper clip took the token's gradient away."""
    clipped_low: Tensor
    """bool: the lower clip or the dual clip did."""


def log_ratio(new: Tensor, old: Tensor) -> Tensor:
    """log(pi_new / pi_old), clamped to +-20. All [B, T]."""
    return (at_least_float32(new) - at_least_float32(old)).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)


def policy_loss(
    new: Tensor, old: Tensor, advantages: Tensor, *, clip_low: float, clip_high: float, dual_clip: float | None
) -> PolicyLoss:
    """PPO-clip (arXiv 1707.06347, eq. 7) with clip-higher (arXiv 2503.14476, eq. 8) and dual clip (arXiv 1912.09729).

    loss = -min(r A, clip(r, 1 - clip_low, 1 + clip_high) A); for A < 0 at most dual_clip |A|.

    Args:
        new: [B, T] log-probabilities under the weights being trained.
        old: [B, T] the same before the update.
        advantages: [B, T].
        clip_low: how far the ratio may fall.
        clip_high: how far it may rise.
        dual_clip: bound for negative advantages; None: off.
    """
    advantages = at_least_float32(advantages)
    ratio = log_ratio(new, old).exp()
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip_low, 1 + clip_high)
    losses = torch.maximum(plain, clipped)
    took_over = clipped > plain
    high = took_over & (advantages > 0)
    low = took_over & (advantages < 0)
    if dual_clip is not None:
        bound = -dual_clip * advantages
        bounded = (advantages < 0) & (losses > bound)
        losses = torch.where(bounded, bound, losses)
        low = low | bounded
    return PolicyLoss(losses, ratio.detach(), high, low)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """0.5 max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2); without a clip 0.5 (V - R)^2.

    Args:
        values: [B, T] of the critic being trained.
        old_values: [B, T] before the update.
        returns: [B, T] targets.
        clip: c; None: off.

    Returns:
        [B, T].
    """
    values, old_values, returns = (at_least_float32(x) for x in (values, old_values, returns))
    squares = (values - returns) ** 2
    if clip is not None:
        held = old_values + (values - old_values).clamp(-clip, clip)
        squares = torch.maximum(squares, (held - returns) ** 2)
    return 0.5 * squares


def positive_nll(logprobs: Tensor, correct: Tensor) -> Tensor:
    """VAPO's positive-example language-model loss (arXiv 2504.05118, section 4.5): -log pi on correct samples.

    Aggregate it with `token_mean` over the tokens of the correct samples of the optimizer step.

    Args:
        logprobs: [B, T] under the weights being trained.
        correct: [B] bool.

    Returns:
        [B, T], 0 on samples that are not correct.
    """
    return torch.where(correct[:, None], -at_least_float32(logprobs), 0.0)


def kl(new: Tensor, reference: Tensor, kind: Literal["k1", "k2", "k3"]) -> Tensor:
    """Estimators of KL(new || reference) from samples of `new` (http://joschu.net/blog/kl-approx.html).

    k1 = new - reference; k2 = (new - reference)^2 / 2; k3 = exp(reference - new) - (reference - new) - 1.

    Args:
        new: [B, T] log-probabilities.
        reference: [B, T].
        kind: which estimator.

    Returns:
        [B, T].
    """
    difference = log_ratio(new, reference)
    if kind == "k1":
        return difference
    if kind == "k2":
        return difference**2 / 2
    return (-difference).exp() + difference - 1


def aggregate(values: Tensor, mask: Tensor, how: Aggregation, *, tokens: float, samples: float) -> Tensor:
    """One micro-batch's share of the loss; the shares of all micro-batches and ranks add up to the loss.

    `token_mean`: sum over tokens / tokens. `sample_mean`: sum over samples of a sample's token mean / samples.

    Args:
        values: [B, T] token losses.
        mask: [B, T] bool.
        how: see above.
        tokens: true mask entries of the whole optimizer step.
        samples: samples of the whole optimizer step with at least one true mask entry.

    Returns:
        A scalar.
    """
    values = at_least_float32(values)
    if how == "token_mean":
        return masked_sum(values, mask) / max(tokens, 1)
    of_sample = torch.where(mask, values, 0.0).sum(1) / mask.sum(1).clamp(min=1)
    return of_sample.sum() / max(samples, 1)
