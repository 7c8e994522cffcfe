"""How token losses become one number: every aggregation is a sum over tokens with one divisor per sample.

The divisors are made of counts over the *whole* optimizer step, all micro-batches and ranks, so that the shares of
any split add up to the same loss. Shapes: B samples, T response tokens; masks are true on tokens in the loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rl.algorithms.kinds import Aggregation
from rl.algorithms.tensors import at_least_float32


def divisors(
    how: Aggregation,
    mask: Tensor,
    group_tokens: Tensor,
    *,
    tokens: int,
    samples: int,
    groups: int,
    longest: int,
) -> Tensor:
    """What each sample's sum over tokens is divided by.

    - `token_mean`: tokens of the step (arXiv 2503.14476 as its authors' code has it: every token weighs the same).
    - `group_token_mean`: tokens of the sample's group x groups (arXiv 2503.14476, eq. 8 as printed: the expectation
      over prompts of a token mean over the group).
    - `sample_mean`: the sample's own tokens x samples (arXiv 2402.03300, eq. 3).
    - `fixed_length`: the longest response allowed x samples (Dr. GRPO, arXiv 2503.20783, section 3.2).

    Args:
        how: which of them.
        mask: [B, T] bool.
        group_tokens: [B], tokens of all samples of the same group in the step.
        tokens: true mask entries of the step.
        samples: samples of the step with at least one of them.
        groups: groups of the step with at least one of them.
        longest: tokens that a response may have at most.

    Returns:
        [B] float32, at least 1.
    """
    own = mask.sum(1)
    if how == "token_mean":
        divisor = torch.full_like(own, tokens)
    elif how == "group_token_mean":
        divisor = group_tokens * groups
    elif how == "sample_mean":
        divisor = own * samples
    else:
        divisor = torch.full_like(own, longest * samples)
    return divisor.clamp(min=1).float()


def aggregate(values: Tensor, mask: Tensor, divisor: Tensor | float) -> Tensor:
    """One micro-batch's share of the loss: sum over tokens, each sample's divided by its divisor.

    What a masked entry holds, NaN included, does not matter.

    Args:
        values: [B, T] token losses.
        mask: [B, T] bool.
        divisor: [B] of `divisors`, or one number for all samples (taken as at least 1).

    Returns:
        A scalar; the shares of all micro-batches and ranks add up to the loss.
    """
    of_sample = torch.where(mask, at_least_float32(values), 0.0).sum(1)
    return (of_sample / (divisor if isinstance(divisor, Tensor) else max(divisor, 1))).sum()
