"""Shared by the functions of this package: in which precision they compute, and masked sums."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32; float64 stays (tests compare closed forms in it)."""
    return x if x.dtype == torch.float64 else x.float()


def masked_sum(x: Tensor, mask: Tensor) -> Tensor:
    """Sum of `x` [B, T] where `mask` [B, T] is true; what stands elsewhere, NaN included, does not matter."""
    return torch.where(mask, x, 0.0).sum()


def masked_mean_var(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance of `x` [B, T] over the true entries of `mask` [B, T].

    Fewer than two entries have variance 0.
    """
    count = mask.sum()
    mean = masked_sum(x, mask) / count.clamp(min=1)
    variance = masked_sum((x - mean) ** 2, mask) / (count - 1).clamp(min=1)
    return mean, variance
