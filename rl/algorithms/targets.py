"""Advantages and returns of a batch: from ragged rows to [B, T] and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rl.algorithms.advantages import explained_variance, gae, group_advantage, length_adaptive_lambda, whiten
from rl.algorithms.config import AlgorithmConfig
from rl.algorithms.tensors import masked_mean_var
from rl.batch import Batch, Estimates, FloatRow, Targets


def compute_targets(batch: Batch, estimates: Estimates, config: AlgorithmConfig) -> Targets:
    """Advantages (and the critic's returns) by the configured algorithm.

    The reward is paid on the last token of the model's own. With `advantage: gae` the critic's targets use
    `lambda_critic`, the policy's advantages `lambda_policy` (decoupled GAE, arXiv 2503.01491), and only the latter
    are whitened.

    Args:
        batch: at least one sample.
        estimates: of the same samples in the same order; values are needed with `advantage: gae`.
        config: the algorithm.

    Returns:
        Rows in the order of the batch; `critic/explained_variance`, `critic/return_mean`, `critic/value_mean`.

    Raises:
        ValueError: `advantage: gae` without values.
    """
    mask = _grid([sample.loss_mask for sample in batch.samples])
    rewards = torch.tensor([sample.reward for sample in batch.samples], dtype=torch.float32)
    if config.advantage == "group":
        groups = torch.tensor([sample.group for sample in batch.samples])
        advantages = group_advantage(rewards, groups, config.advantage_eps)[:, None].where(mask, 0.0)
        return Targets(_rows(advantages, batch), None, {})
    if estimates.values is None:
        raise ValueError("advantage: gae needs the critic's values, but the estimates have none")
    values = _grid(estimates.values)
    paid = torch.zeros_like(values)
    own = mask.sum(1)
    last = (mask.cumsum(1) == own[:, None]) & mask
    paid[last] = rewards[own > 0]
    returns = gae(paid, values, mask, config.gamma, config.lambda_critic) + values
    lam = config.lambda_policy
    advantages = gae(
        paid, values, mask, config.gamma, length_adaptive_lambda(own, config.alpha) if lam == "length_adaptive" else lam
    )
    if config.whiten_advantages:
        advantages = whiten(advantages, mask)
    metrics = {
        "critic/explained_variance": explained_variance(values, returns, mask).item(),
        "critic/return_mean": masked_mean_var(returns, mask)[0].item(),
        "critic/value_mean": masked_mean_var(values, mask)[0].item(),
    }
    return Targets(_rows(advantages, batch), _rows(returns, batch), metrics)


def _grid(rows: Sequence[np.ndarray]) -> Tensor:
    """[B, T] of ragged rows, padded on the right with 0."""
    grid = np.zeros((len(rows), max([1, *(len(row) for row in rows)])), dtype=rows[0].dtype)
    for line, row in zip(grid, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(grid)


def _rows(grid: Tensor, batch: Batch) -> list[FloatRow]:
    """The ragged rows of [B, T] again."""
    lines = grid.float().numpy()
    return [line[: len(sample.response_ids)].copy() for line, sample in zip(lines, batch.samples, strict=True)]
