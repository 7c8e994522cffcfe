"""Token losses beside the policy's own: value, positive-example NLL, distance to a reference.

Shapes: B samples, T response tokens (padded on the right); every loss is returned per token [B, T] and summed up by
`aggregate`. What a masked entry holds never matters. Everything is computed in float32 (float64 stays float64).
"""

from __future__ import annotations

import torch
from torch import Tensor

from rl.algorithms.kinds import KlKind
from rl.algorithms.ratios import log_ratio
from rl.algorithms.tensors import at_least_float32


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """0.5 max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2); without a clip 0.5 (V - R)^2.

    The clip is that of OpenAI's baselines (arXiv 2005.12729); VAPO has none.

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

    Its denominator is the tokens of the correct samples of the optimizer step.

    Args:
        logprobs: [B, T] under the weights being trained.
        correct: [B] bool.

    Returns:
        [B, T], 0 on samples that are not correct.
    """
    return torch.where(correct[:, None], -at_least_float32(logprobs), 0.0)


def kl(new: Tensor, reference: Tensor, kind: KlKind) -> Tensor:
    """Estimators of KL(new || reference) from samples of `new` (http://joschu.net/blog/kl-approx.html).

    k1 = new - reference; k2 = (new - reference)^2 / 2; k3 = exp(reference - new) - (reference - new) - 1.

    As a loss, k2 has the gradient of the KL and k1 one of mean 0 (arXiv 2506.09477): k1 belongs into a reward.

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
