"""Advantages and returns of a batch: from ragged rows to [B, T] and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rl.algorithms.advantages import (
    explained_variance,
    gae,
    group_advantage,
    length_adaptive_lambda,
    return_to_go,
    whiten,
)
from rl.algorithms.base import ReferenceKl
from rl.algorithms.config import AlgorithmConfig
from rl.algorithms.losses import kl, value_loss
from rl.algorithms.tensors import masked_mean_var
from rl.batch import Batch, Estimates, FloatRow, Targets


def compute_targets(batch: Batch, estimates: Estimates, config: AlgorithmConfig) -> Targets:
    """Advantages (and the critic's returns) by the configured algorithm.

    The reward is paid on the last token of the model's own; a KL penalty in the reward is taken off every token. With
    `advantage: gae` the critic's targets use `lambda_critic`, the policy's advantages `lambda_policy` (decoupled GAE,
    arXiv 2503.01491), and only the latter are whitened.

    Args:
        batch: at least one sample.
        estimates: of the same samples in the same order; values are needed with `advantage: gae`, log-probabilities
            of the reference with `kl.where: reward`.
        config: the algorithm.

    Returns:
        Rows in the order of the batch; `critic/explained_variance`, `critic/loss_before` (of the critic that has not
        learnt from this batch yet), `critic/return_mean`, `critic/value_mean`;
        `reward/kl_penalty`, the mean over samples of what was taken off.

    Raises:
        ValueError: something needed is not among the estimates.
    """
    mask = _grid([sample.loss_mask for sample in batch.samples])
    rewards = torch.tensor([sample.reward for sample in batch.samples], dtype=torch.float32)
    groups = torch.tensor([sample.group for sample in batch.samples])
    metrics: dict[str, float] = {}
    penalties = torch.zeros(mask.shape)
    if config.kl is not None and config.kl.where == "reward":
        penalties = _kl_penalties(estimates, mask, config.kl)
        metrics["reward/kl_penalty"] = penalties.sum(1).mean().item()
    match config.advantage:
        case "gae":
            paid = _paid(rewards, mask) - penalties
            advantages, returns, of_critic = _with_critic(paid, mask, estimates, config)
            return Targets(_rows(advantages, batch), _rows(returns, batch), metrics | of_critic)
        case "reinforce_pp":
            advantages = whiten(return_to_go(_paid(rewards, mask) - penalties, mask, config.gamma), mask)
        case "reinforce_pp_baseline":
            centred = group_advantage(rewards, groups, "dr_grpo", config.advantage_eps)
            advantages = whiten(return_to_go(_paid(centred, mask) - penalties, mask, config.gamma), mask)
        case kind:
            compared = group_advantage(rewards - penalties.sum(1), groups, kind, config.advantage_eps)
            advantages = compared[:, None].where(mask, 0.0)
    return Targets(_rows(advantages, batch), None, metrics)


def _with_critic(
    paid: Tensor, mask: Tensor, estimates: Estimates, config: AlgorithmConfig
) -> tuple[Tensor, Tensor, dict[str, float]]:
    """Advantages [B, T], returns [B, T] and metrics by GAE."""
    if estimates.values is None:
        raise ValueError("advantage: gae needs the critic's values, but the estimates have none")
    values = _grid(estimates.values)
    returns = gae(paid, values, mask, config.gamma, config.lambda_critic) + values
    lam = config.lambda_policy
    decay = length_adaptive_lambda(mask.sum(1), config.alpha) if lam == "length_adaptive" else lam
    advantages = gae(paid, values, mask, config.gamma, decay)
    if config.whiten_advantages:
        advantages = whiten(advantages, mask)
    metrics = {
        "critic/explained_variance": explained_variance(values, returns, mask).item(),
        "critic/loss_before": masked_mean_var(value_loss(values, values, returns, None), mask)[0].item(),
        "critic/return_mean": masked_mean_var(returns, mask)[0].item(),
        "critic/value_mean": masked_mean_var(values, mask)[0].item(),
    }
    return advantages, returns, metrics


def _paid(rewards: Tensor, mask: Tensor) -> Tensor:
    """[B, T]: each sample's reward on its last true mask entry (nowhere, if it has none)."""
    own = mask.sum(1)
    last = (mask.cumsum(1) == own[:, None]) & mask
    paid = torch.zeros(mask.shape)
    paid[last] = rewards[own > 0]
    return paid


def _kl_penalties(estimates: Estimates, mask: Tensor, settings: ReferenceKl) -> Tensor:
    """[B, T]: weight x KL of each token, 0 where the mask is false."""
    if estimates.reference is None:
        raise ValueError("kl needs the reference's log-probabilities, but the estimates have none")
    terms = kl(_grid(estimates.logprobs), _grid(estimates.reference), settings.kind)
    return (settings.weight * terms).where(mask, 0.0)


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
