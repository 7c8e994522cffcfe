"""What goes between the loop and the learner.

- `TrainSample`: one scored sample as the learner needs it (ragged arrays, plain data, cheap through Ray).
- `Batch`: the samples of one step.
- `Estimates`: what a forward pass of the learner says about a batch before the update.
- `Targets`: advantages and returns, computed by `rl/algorithms` from a batch and its estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Metrics = Mapping[str, float]
FloatRow = NDArray[np.float32]
"""[R]: one value per response token of one sample."""


@dataclass(frozen=True, slots=True)
class TrainSample:
    """One scored sample. Arrays are [R], R = response tokens."""

    prompt_ids: NDArray[np.int32]
    """[P]"""
    response_ids: NDArray[np.int32]
    rollout_logprobs: FloatRow
    versions: NDArray[np.int32]
    """Weight version that sampled each token."""
    loss_mask: NDArray[np.bool_]
    """False: forced by the engine, not the model's own; never in a loss."""
    reward: float
    """The combined reward; paid on the last token."""
    correct: bool
    group: int
    """Samples with the same number answer the same prompt."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one step, in a fixed order that all per-sample lists share."""

    samples: Sequence[TrainSample]
    version: int = 0
    """Weight version that the learner has when it takes the batch; tokens of an older one are stale."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def newest_tokens(self) -> int:
        """Tokens in the loss that the learner's own version sampled."""
        return sum(int((sample.loss_mask & (sample.versions == self.version)).sum()) for sample in self.samples)

    def staleness_metrics(self) -> dict[str, float]:
        """Weight versions between a sample's oldest token and the learner: mean over samples, and the largest."""
        ages = [self.version - int(sample.versions.min()) for sample in self.samples]
        return {"rollout/staleness_mean": float(np.mean(ages)), "rollout/staleness_max": float(max(ages))}


@dataclass(frozen=True, slots=True)
class Estimates:
    """Forward-pass results, one [R] row per sample of the batch."""

    logprobs: Sequence[FloatRow]
    """log pi of the policy before the update."""
    values: Sequence[FloatRow] | None
    """Critic values V(state before the token); None without a critic."""
    metrics: Metrics
    """`policy/entropy`, `policy/logprob_gap`, ..."""
    reference: Sequence[FloatRow] | None = None
    """log pi of the reference; None when nothing needs it."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Advantages and returns, one [R] row per sample of the batch."""

    advantages: Sequence[FloatRow]
    returns: Sequence[FloatRow] | None
    """Critic targets; None without a critic."""
    metrics: Metrics
