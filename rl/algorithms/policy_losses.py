"""Token losses of the policy: PPO-clip, GSPO and CISPO, each [B, T]; the rest is composition.

GRPO is PPO-clip with group advantages, DAPO is GRPO with clip-higher, decoupled PPO is PPO-clip with `full`
importance weights. B samples, T response tokens. What a masked entry holds never reaches an unmasked one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rl.algorithms.kinds import PolicyLossKind
from rl.algorithms.ratios import log_ratio, sequence_log_ratio
from rl.algorithms.tensors import at_least_float32


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """Per-token results, all [B, T]."""

    losses: Tensor
    ratio: Tensor
    """pi_new / pi_old (of the sequence with `gspo`), detached."""
    clipped_high: Tensor
    """bool: the upper clip took the token's gradient away (`cispo`: bounded its weight)."""
    clipped_low: Tensor
    """bool: the lower clip or the dual clip did."""


def policy_loss(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    kind: PolicyLossKind,
    clip_low: float,
    clip_high: float,
    dual_clip: float | None,
    weights: Tensor | None = None,
) -> PolicyLoss:
    """The configured loss of each token, times its importance weight.

    Args:
        new: [B, T] log-probabilities under the weights being trained.
        old: [B, T] the same before the update.
        advantages: [B, T].
        mask: [B, T] bool, tokens in the loss.
        kind: `ppo_clip` on the token's ratio; `gspo`: the same on the sequence's ratio; `cispo`.
        clip_low: how far the ratio may fall.
        clip_high: how far it may rise.
        dual_clip: bound for negative advantages; None: off. `cispo` has none.
        weights: [B, T] importance weights without a gradient; None: 1.
    """
    if kind == "cispo":
        result = cispo(new, old, advantages, clip_low=clip_low, clip_high=clip_high)
    else:
        logs = log_ratio(new, old) if kind == "ppo_clip" else sequence_log_ratio(new, old, mask)
        result = ppo_clip(logs.exp(), advantages, clip_low=clip_low, clip_high=clip_high, dual_clip=dual_clip)
    return result if weights is None else replace(result, losses=result.losses * weights)


def ppo_clip(
    ratio: Tensor, advantages: Tensor, *, clip_low: float, clip_high: float, dual_clip: float | None
) -> PolicyLoss:
    """PPO-clip (arXiv 1707.06347, eq. 7) with clip-higher (arXiv 2503.14476, eq. 8) and dual clip (arXiv 1912.09729).

    loss = -min(r A, clip(r, 1 - clip_low, 1 + clip_high) A); for A < 0 at most dual_clip |A|.

    Args:
        ratio: [B, T] pi_new / pi_old, of tokens or of sequences (GSPO, arXiv 2507.18071, eq. 5).
        advantages: [B, T].
        clip_low: how far the ratio may fall.
        clip_high: how far it may rise.
        dual_clip: bound for negative advantages; None: off.
    """
    advantages = at_least_float32(advantages)
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


def cispo(new: Tensor, old: Tensor, advantages: Tensor, *, clip_low: float, clip_high: float) -> PolicyLoss:
    """CISPO (arXiv 2506.13585, eq. 4): -stop_grad(clip(r, 1 - clip_low, 1 + clip_high)) A log pi_new.

    No token loses its gradient: only its weight is bounded. clip_low = 1 leaves the ratio free to fall, as in the
    paper.

    Args:
        new: [B, T] log-probabilities under the weights being trained.
        old: [B, T] before the update.
        advantages: [B, T].
        clip_low: how far the weight may fall below 1.
        clip_high: how far it may rise above 1.
    """
    ratio = log_ratio(new, old).exp().detach()
    bounded = ratio.clamp(1 - clip_low, 1 + clip_high)
    losses = -bounded * at_least_float32(advantages) * at_least_float32(new)
    return PolicyLoss(losses, ratio, ratio > 1 + clip_high, ratio < 1 - clip_low)
