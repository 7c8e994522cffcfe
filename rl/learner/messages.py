"""What the driver and the learner ranks say to each other; all of it travels through Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import ray
from numpy.typing import NDArray
from torch import Tensor

from rl.algorithms.config import AlgorithmConfig
from rl.batch import Batch, Estimates, Targets
from rl.learner.config import LearnerConfig
from rl.learner.kernels import Device
from rl.learner.micro import Layout
from rl.learner.objective import Share


@dataclass(frozen=True)
class Job:
    """What all ranks have in common."""

    config: LearnerConfig
    algorithm: AlgorithmConfig
    model_path: str
    attention: str
    device: Device
    seed: int
    temperature: float
    max_response_tokens: int
    log_folder: Path
    critic_path: str | None = None
    """A reward model that the critic starts from; None: the policy."""


@dataclass(frozen=True)
class Update:
    """One call of `LearnerGroup.update`; its parts lie in Ray's object store."""

    batch: ray.ObjectRef[Batch]
    estimates: ray.ObjectRef[Estimates]
    targets: ray.ObjectRef[Targets]
    train_policy: bool

    @classmethod
    def put(cls, batch: Batch, estimates: Estimates, targets: Targets, *, train_policy: bool) -> Update:
        """Put the parts there."""
        return cls(ray.put(batch), ray.put(estimates), ray.put(targets), train_policy)


@dataclass
class Shares:
    """One rank's contributions to metrics: `sums` add up over ranks, of the others the largest or smallest counts."""

    sums: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    smallest: dict[str, float] = field(default_factory=dict)

    def add(self, shares: Mapping[str, Tensor | float]) -> None:
        """Add contributions of one micro-batch."""
        for name, value in shares.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def include(self, share: Share) -> None:
        """All metrics of one micro-batch."""
        self.add(share.sums)
        for name, value in share.largest.items():
            self.raise_to(name, value)
        for name, value in share.smallest.items():
            self.smallest[name] = min(self.smallest.get(name, value), value)

    def raise_to(self, name: str, value: float) -> None:
        """Keep the largest."""
        self.largest[name] = max(self.largest.get(name, value), value)


@dataclass(frozen=True)
class RankEstimates:
    """One rank's forward-pass results, flat: the rows of `indices` one after another."""

    indices: list[int]
    logprobs: NDArray[np.float32] | None
    """None where the engine's are taken."""
    values: NDArray[np.float32] | None
    reference: NDArray[np.float32] | None
    shares: Shares


@dataclass(frozen=True)
class Ready:
    """What a rank says when it has loaded."""

    seconds: float
    """How long that took."""
    hidden_size: int
    """Of the policy."""
    layout: Layout
    """Of micro-batches."""
