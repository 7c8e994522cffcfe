"""What one micro-batch contributes to the loss and to the metrics of its optimizer step.

Every contribution is already divided by counts over the whole optimizer step: contributions of all micro-batches and
ranks simply add up.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rl.algorithms.config import AlgorithmConfig
from rl.algorithms.losses import aggregate, kl, policy_loss, positive_nll, value_loss
from rl.algorithms.tensors import masked_sum
from rl.learner.batching import Counts


def policy_objective(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    correct: Tensor,
    mask: Tensor,
    *,
    config: AlgorithmConfig,
    counts: Counts,
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """The policy's loss: clipped policy loss, plus the positive-example NLL where it has a weight.

    Args:
        new: [B, T] log-probabilities under the weights being trained.
        old: [B, T] before the update.
        advantages: [B, T].
        correct: [B] bool.
        mask: [B, T] bool, tokens in the loss.
        config: the algorithm.
        counts: of the whole optimizer step.

    Returns:
        Share of the loss; shares of metrics; largest ratio.
    """
    terms = policy_loss(
        new, old, advantages, clip_low=config.clip_low, clip_high=config.clip_high, dual_clip=config.dual_clip
    )
    loss = aggregate(terms.losses, mask, config.aggregation, tokens=counts.tokens, samples=counts.samples)
    tokens = max(counts.tokens, 1)
    shares = {
        "policy/clip_fraction_high": (terms.clipped_high & mask).sum() / tokens,
        "policy/clip_fraction_low": (terms.clipped_low & mask).sum() / tokens,
        "policy/approx_kl": masked_sum(kl(old, new.detach(), "k3"), mask) / tokens,
    }
    if config.positive_nll_weight > 0:
        nll = aggregate(
            positive_nll(new, correct), mask, "token_mean", tokens=counts.positive_tokens, samples=counts.samples
        )
        loss = loss + config.positive_nll_weight * nll
        shares["policy/positive_nll"] = nll.detach()
    shares["policy/loss"] = loss.detach()
    return loss, shares, torch.where(mask, terms.ratio, 0.0).max()


def value_objective(
    values: Tensor, old: Tensor, returns: Tensor, mask: Tensor, *, config: AlgorithmConfig, counts: Counts
) -> tuple[Tensor, dict[str, Tensor]]:
    """The critic's loss, a token mean over the optimizer step. Arguments and results as above."""
    losses = value_loss(values, old, returns, config.value_clip)
    loss = aggregate(losses, mask, "token_mean", tokens=counts.tokens, samples=counts.samples)
    return loss, {"critic/loss": loss.detach()}
