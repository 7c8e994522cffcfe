"""Ratios between policies: of a token, of a sequence, and between learner and rollout engine (importance weights).

Shapes: B samples, T response tokens. Everything is computed in float32 (float64 stays float64).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rl.algorithms.kinds import ImportanceKind
from rl.algorithms.tensors import at_least_float32

LOG_RATIO_LIMIT = 20.0
"""exp of more overflows half precision downstream and is no information: such a token is clipped in any case."""


def log_ratio(new: Tensor, old: Tensor) -> Tensor:
    """log(pi_new / pi_old), clamped to +-20. All [B, T]."""
    return (at_least_float32(new) - at_least_float32(old)).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)


def sequence_log_ratio(new: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    """GSPO's ratio of a sequence, with a gradient through each token (arXiv 2507.18071, eq. 7 and 14).

    The value is the mean over the sample's own tokens of log(pi_new / pi_old), the same at each of its tokens; the
    gradient at a token is that of the token's own log pi_new. With one advantage for all tokens and `sample_mean`
    this is the gradient of the sequence's ratio itself.

    Args:
        new: [B, T] log-probabilities under the weights being trained.
        old: [B, T] before the update.
        mask: [B, T] bool, the sample's own tokens.

    Returns:
        [B, T], clamped to +-20 before the gradient is attached.
    """
    new, old = at_least_float32(new), at_least_float32(old)
    tokens = mask.sum(1, keepdim=True).clamp(min=1)
    mean = torch.where(mask, (new - old).detach(), 0.0).sum(1, keepdim=True) / tokens
    return new - new.detach() + mean.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)


@dataclass(frozen=True, slots=True)
class ImportanceWeights:
    """Factors of token losses, without a gradient; all [B, T]."""

    weights: Tensor
    raw: Tensor
    """pi_old / pi_rollout, before anything was bounded."""
    capped: Tensor
    """bool: `tis` lowered the weight to its cap."""
    dropped: Tensor
    """bool: `icepop` took the token out."""


def importance_weights(
    old: Tensor, rollout: Tensor, kind: ImportanceKind, *, cap: float, low: float, high: float
) -> ImportanceWeights:
    """Correction for tokens that another policy sampled: w = pi_old / pi_rollout, bounded.

    pi_old is the learner's policy before the update, pi_rollout what the engine sampled from: older weights, or the
    same weights in other kernels.

    - `off`: 1.
    - `full`: w. With PPO-clip this is decoupled PPO (AReaL, arXiv 2505.24298):
      (pi_prox / pi_behav) min(u A, clip(u) A) with u = pi_new / pi_prox.
    - `tis`: min(w, cap), truncated importance sampling (https://fengyao.notion.site/off-policy-rl).
    - `icepop`: w inside [low, high], else 0 (arXiv 2510.18855). Denominators still count the token.

    Args:
        old: [B, T] the learner's log-probabilities before the update.
        rollout: [B, T] the engine's.
        kind: which of them.
        cap: of `tis`.
        low: lower end of `icepop`'s band.
        high: its upper end.
    """
    raw = log_ratio(old, rollout).exp().detach()
    nothing = torch.zeros_like(raw, dtype=torch.bool)
    if kind == "off":
        return ImportanceWeights(torch.ones_like(raw), raw, nothing, nothing)
    if kind == "tis":
        return ImportanceWeights(raw.clamp(max=cap), raw, raw > cap, nothing)
    if kind == "icepop":
        outside = (raw < low) | (raw > high)
        return ImportanceWeights(raw.masked_fill(outside, 0.0), raw, nothing, outside)
    return ImportanceWeights(raw, raw, nothing, nothing)
