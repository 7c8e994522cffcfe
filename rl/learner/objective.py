"""What one micro-batch contributes to the loss and to the metrics of its optimizer step.

Every contribution is already divided by counts over the whole optimizer step: contributions of all micro-batches and
ranks simply add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rl.algorithms.aggregation import aggregate, divisors
from rl.algorithms.config import AlgorithmConfig
from rl.algorithms.losses import kl, positive_nll, value_loss
from rl.algorithms.policy_losses import PolicyLoss, policy_loss
from rl.algorithms.ratios import importance_weights
from rl.algorithms.tensors import masked_sum
from rl.batch import Batch, Estimates, FloatRow, Targets
from rl.learner.batching import Counts
from rl.learner.micro import MicroBatch, MicroTensors, rows_grid


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """One micro-batch as the policy's loss needs it. B samples, T response tokens."""

    new: Tensor
    """[B, T] log-probabilities under the weights being trained."""
    entropy: Tensor | None
    """[B, T] of the same distributions; needed with an entropy bonus."""
    old: Tensor
    """[B, T] log-probabilities before the update."""
    rollout: Tensor
    """[B, T] the engine's."""
    reference: Tensor | None
    """[B, T] the reference's; needed with a KL penalty in the loss."""
    advantages: Tensor
    """[B, T]"""
    correct: Tensor
    """[B] bool"""
    group_tokens: Tensor
    """[B] tokens in the loss of each sample's group in the optimizer step."""
    mask: Tensor
    """[B, T] bool, tokens in the loss."""


@dataclass(frozen=True, slots=True)
class Share:
    """One micro-batch's part of an optimizer step."""

    loss: Tensor
    """A scalar with a gradient."""
    sums: dict[str, Tensor]
    """Metrics that add up over micro-batches and ranks."""
    largest: dict[str, float] = field(default_factory=dict)
    """Metrics of which the largest counts."""
    smallest: dict[str, float] = field(default_factory=dict)
    """Metrics of which the smallest counts."""


def policy_inputs(
    batch: Batch,
    micro: MicroBatch,
    tensors: MicroTensors,
    counts: Counts,
    estimates: Estimates,
    targets: Targets,
    new: Tensor,
    entropy: Tensor | None,
) -> PolicyInputs:
    """A micro-batch's rows as tensors beside `new` [N] and `entropy` [N] of the forward pass."""
    device = tensors.mask.device
    samples = [batch.samples[i] for i in micro]

    def grid(rows: Sequence[FloatRow]) -> Tensor:
        return rows_grid(rows, micro, tensors)

    return PolicyInputs(
        new=tensors.grid(new),
        entropy=None if entropy is None else tensors.grid(entropy),
        old=grid(estimates.logprobs),
        rollout=grid([sample.rollout_logprobs for sample in batch.samples]),
        reference=None if estimates.reference is None else grid(estimates.reference),
        advantages=grid(targets.advantages),
        correct=torch.tensor([sample.correct for sample in samples] or [False], device=device),
        group_tokens=torch.tensor([counts.group_tokens.get(s.group, 0) for s in samples] or [0], device=device),
        mask=tensors.mask,
    )


def policy_objective(
    inputs: PolicyInputs, *, config: AlgorithmConfig, counts: Counts, max_response_tokens: int
) -> Share:
    """The policy's loss: the clipped policy loss, and whichever of the other terms have a weight.

    The entropy bonus and the KL penalty are aggregated as the policy loss is; the positive-example NLL is a mean over
    the tokens of correct samples, whatever the aggregation (arXiv 2504.05118, section 4.5).

    Args:
        inputs: the micro-batch.
        config: the algorithm.
        counts: of the whole optimizer step.
        max_response_tokens: that a response may have (`fixed_length`).
    """
    mask, tokens = inputs.mask, max(counts.tokens, 1)
    divisor = divisors(
        config.aggregation,
        mask,
        inputs.group_tokens,
        tokens=counts.tokens,
        samples=counts.samples,
        groups=len(counts.group_tokens),
        longest=max_response_tokens,
    )
    settings = config.importance
    importance = importance_weights(
        inputs.old, inputs.rollout, settings.kind, cap=settings.cap, low=settings.low, high=settings.high
    )
    terms = policy_loss(
        inputs.new,
        inputs.old,
        inputs.advantages,
        mask,
        kind=config.policy_loss,
        clip_low=config.clip_low,
        clip_high=config.clip_high,
        dual_clip=config.dual_clip,
        weights=None if settings.kind == "off" else importance.weights,
    )
    loss = aggregate(terms.losses, mask, divisor)
    sums = {
        "policy/clip_fraction_high": (terms.clipped_high & mask).sum() / tokens,
        "policy/clip_fraction_low": (terms.clipped_low & mask).sum() / tokens,
        "policy/approx_kl": masked_sum(kl(inputs.old, inputs.new.detach(), "k3"), mask) / tokens,
        "policy/ratio_mean": masked_sum(terms.ratio, mask) / tokens,
    }
    if settings.kind != "off":
        sums["policy/importance_mean"] = masked_sum(importance.raw, mask) / tokens
        sums["policy/importance_capped"] = (importance.capped & mask).sum() / tokens
        sums["policy/importance_dropped"] = (importance.dropped & mask).sum() / tokens
    if config.positive_nll_weight > 0:
        nll = aggregate(positive_nll(inputs.new, inputs.correct), mask, counts.positive_tokens)
        loss = loss + config.positive_nll_weight * nll
        sums["policy/positive_nll"] = nll.detach()
    if config.kl is not None and config.kl.where == "loss":
        assert inputs.reference is not None
        penalty = aggregate(kl(inputs.new, inputs.reference, config.kl.kind), mask, divisor)
        loss = loss + config.kl.weight * penalty
        sums["policy/kl_loss"] = penalty.detach()
    if config.entropy_weight > 0:
        assert inputs.entropy is not None
        bonus = aggregate(inputs.entropy, mask, divisor)
        loss = loss - config.entropy_weight * bonus
        sums["policy/entropy_bonus"] = bonus.detach()
    sums["policy/loss"] = loss.detach()
    return Share(loss, sums, *_extremes(terms, mask))


def _extremes(terms: PolicyLoss, mask: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Largest and smallest ratio; nothing where no token is in the loss."""
    if not mask.any():
        return {}, {}
    ratios = terms.ratio[mask]
    return {"policy/ratio_max": float(ratios.max())}, {"policy/ratio_min": float(ratios.min())}


def value_objective(
    values: Tensor, old: Tensor, returns: Tensor, mask: Tensor, *, config: AlgorithmConfig, counts: Counts
) -> Share:
    """The critic's loss, a token mean over the optimizer step.

    Args:
        values: [B, T] of the critic being trained.
        old: [B, T] before the update.
        returns: [B, T] targets.
        mask: [B, T] bool, tokens in the loss.
        config: the algorithm.
        counts: of the whole optimizer step.
    """
    loss = aggregate(value_loss(values, old, returns, config.value_clip), mask, counts.tokens)
    return Share(loss, {"critic/loss": loss.detach()})
