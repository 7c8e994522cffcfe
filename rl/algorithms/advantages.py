"""Advantages: generalised advantage estimation, comparisons within a group, returns to go, whitening.

Shapes: B samples, T response tokens (padded on the right). `mask` [B, T] is true on tokens of the model's own;
padding and forced tokens are false. Everything is computed in float32 (float64 stays float64).
"""

from __future__ import annotations

import torch
from torch import Tensor

from rl.algorithms.kinds import GroupKind
from rl.algorithms.tensors import at_least_float32, masked_mean_var


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float | Tensor) -> Tensor:
    """Generalised advantage estimation (arXiv 1506.02438, eq. 16).

    A_t = delta_t + gamma lam A_t', delta_t = r_t + gamma V_t' - V_t, where t' is the next true entry of the mask:
    masked gaps carry value and advantage across, and V is 0 after the last one. There is no loop over T: the
    recurrence has one decay per row, so that log2(T) doublings of A += decay^s * (A moved left by s) solve it.

    Args:
        rewards: [B, T]; entries where the mask is false do not count.
        values: [B, T], V(state before the token).
        mask: [B, T] bool.
        gamma: discount.
        lam: one number, or one per sample [B].

    Returns:
        Advantages [B, T], 0 where the mask is false. The critic's targets are these plus `values`.
    """
    order = torch.argsort((~mask).to(torch.int8), dim=1, stable=True)  # own tokens first, in order: closes the gaps
    present = mask.gather(1, order)
    reward = torch.where(present, at_least_float32(rewards).gather(1, order), 0.0)
    value = torch.where(present, at_least_float32(values).gather(1, order), 0.0)
    advantage = reward + gamma * _moved_left(value, 1) - value
    decay: float | Tensor = gamma * (at_least_float32(lam)[:, None] if isinstance(lam, Tensor) else lam)
    shift = 1
    while shift < advantage.shape[1]:
        advantage = advantage + decay * _moved_left(advantage, shift)
        decay, shift = decay * decay, shift * 2
    return torch.zeros_like(advantage).scatter(1, order, advantage.where(present, 0.0))


def _moved_left(x: Tensor, by: int) -> Tensor:
    return torch.nn.functional.pad(x[:, by:], (0, by))


def length_adaptive_lambda(lengths: Tensor, alpha: float) -> Tensor:
    """VAPO's lambda of the policy (arXiv 2504.05118, section 4.2): 1 - 1 / (alpha l), clamped to [0, 1].

    Args:
        lengths: [B], tokens of the model's own in each response (the steps that lambda decays over).
        alpha: the longer the memory, the larger; lambda is 0 up to 1 / alpha tokens.

    Returns:
        [B].
    """
    return (1 - 1 / (alpha * at_least_float32(lengths).clamp(min=1))).clamp(0, 1)


def group_advantage(rewards: Tensor, groups: Tensor, kind: GroupKind, eps: float) -> Tensor:
    """A sample's reward beside those of the other samples of its prompt.

    - `grpo`: (R - mean) / (std + eps) (arXiv 2402.03300, section 4.1.2), std the unbiased one.
    - `dr_grpo`: R - mean (arXiv 2503.20783, section 3.2).
    - `rloo`: R - mean of the others (arXiv 2402.14740), which is (R - mean) G / (G - 1).

    Args:
        rewards: [B].
        groups: [B] integers; the same number means the same prompt.
        kind: which of them.
        eps: added to the standard deviation (`grpo`).

    Returns:
        [B]; a group of one keeps its raw reward, an all-equal group has 0.
    """
    exact = at_least_float32(rewards).dtype
    rewards = rewards.double()  # in float32 equal rewards differ from their mean, and grpo divides that by a tiny std
    _, group, size = torch.unique(groups, return_inverse=True, return_counts=True)
    zeros = torch.zeros(size.shape[0], dtype=rewards.dtype, device=rewards.device)
    mean = zeros.index_add(0, group, rewards) / size
    centred = rewards - mean[group]
    if kind == "grpo":
        std = (zeros.index_add(0, group, centred**2) / (size - 1).clamp(min=1)).sqrt()
        centred = centred / (std[group] + eps)
    elif kind == "rloo":
        centred = centred * size[group] / (size[group] - 1).clamp(min=1)
    return torch.where(size[group] == 1, rewards, centred).to(exact)


def return_to_go(rewards: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """Sum of the rewards from a token on, discounted; REINFORCE++ whitens it (arXiv 2501.03262).

    This is GAE with lambda 1 and a critic that says 0.

    Args:
        rewards: [B, T]; entries where the mask is false do not count.
        mask: [B, T] bool.
        gamma: discount, per token of the model's own.

    Returns:
        [B, T], 0 where the mask is false.
    """
    return gae(rewards, torch.zeros_like(rewards), mask, gamma, 1.0)


def whiten(x: Tensor, mask: Tensor) -> Tensor:
    """(x - mean) / sqrt(unbiased variance + 1e-8) over the true entries of the mask (verl's `masked_whiten`).

    Args:
        x: [B, T].
        mask: [B, T] bool.

    Returns:
        [B, T], 0 where the mask is false.
    """
    x = at_least_float32(x)
    mean, variance = masked_mean_var(x, mask)
    return ((x - mean) * torch.rsqrt(variance + 1e-8)).where(mask, 0.0)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """1 - Var(R - V) / Var(R) over the true entries of the mask; 0 when the returns are all equal.

    Args:
        values: [B, T].
        returns: [B, T].
        mask: [B, T] bool.

    Returns:
        A scalar: 1 is a perfect critic, 0 one that knows no more than the mean, below 0 a harmful one.
    """
    values, returns = at_least_float32(values), at_least_float32(returns)
    _, total = masked_mean_var(returns, mask)
    _, left = masked_mean_var(returns - values, mask)
    return torch.where(total > 0, 1 - left / total, 0.0)
