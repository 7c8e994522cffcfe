"""What the modelled parts of a cluster take: seconds of a decode step, of a learner step, of new weights.

They come from data sheets (`hardware.py`) or from a run that was measured (`calibrate.py`).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

Seconds = float


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """One rollout worker.

    A decode step of n samples that read c tokens of KV cache takes
    fixed + max(weights, n compute) + n sample + c context.
    """

    fixed: Seconds
    """Launches, communication: whatever a step takes however little there is to do."""
    weights: Seconds
    """Reading the weights once."""
    compute: Seconds
    """Linear maps of one sample's token."""
    sample: Seconds
    """Host and sampling, for each sample."""
    context: Seconds
    """Reading one token's keys and values."""
    prefill: Seconds
    """Computing one token of a prompt, or of a KV cache anew."""
    slots: int
    """Samples decoded at once."""
    kv_tokens: float
    """Tokens that the KV cache holds."""

    def step(self, samples: float, context_tokens: float) -> Seconds:
        """One decode step."""
        return (
            self.fixed
            + max(self.weights, samples * self.compute)
            + samples * self.sample
            + context_tokens * self.context
        )

    def seconds_of(self, steps: float, samples: int, context_tokens: float) -> Seconds:
        """Decode steps in which nothing ends or begins: every sample's context grows by one token a step."""
        return steps * self.step(samples, context_tokens) + self.context * samples * steps**2 / 2

    def steps_in(self, seconds: Seconds, samples: int, context_tokens: float) -> float:
        """The inverse of `seconds_of`."""
        first, growth = self.step(samples, context_tokens), self.context * samples
        return 2 * seconds / (first + math.sqrt(first * first + 2 * growth * seconds))


@dataclass(frozen=True, slots=True)
class LearnerFigures:
    """The learner group.

    A sample of l tokens takes one group of ranks l token + l^2 attention; the groups of an optimizer step wait for
    each other.
    """

    token: Seconds
    attention: Seconds
    """Of a token for each other token of its sample."""
    optimizer_step: Seconds
    """Whatever an optimizer step takes besides its samples."""
    batch: Seconds
    """Whatever a batch takes besides its optimizer steps."""
    groups: int
    """Data-parallel groups of ranks."""
    optimizer_steps: int
    """Of one batch."""

    def seconds(self, lengths: Sequence[int]) -> Seconds:
        """One batch.

        Args:
            lengths: tokens of its samples, prompts included; consecutive ones are of the same group.
        """
        count = len(lengths)
        steps = min(self.optimizer_steps, count)
        costs = [length * self.token + length * length * self.attention for length in lengths]
        # Prompts are shuffled over the optimizer steps: every n-th sample is about as good.
        spans = (_longest_span(costs[place::steps], self.groups) for place in range(steps))
        return self.batch + steps * self.optimizer_step + sum(spans)


def _longest_span(costs: Sequence[float], groups: int) -> float:
    """Work of the group that has most when each sample goes, the largest first, to the one that has least."""
    if len(costs) <= groups:
        return max(costs, default=0.0)
    if groups == 1:
        return sum(costs)
    work = [0.0] * groups
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(work, work[0] + cost)
    return max(work)


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is modelled."""

    engine: EngineFigures
    learner: LearnerFigures
    publish: Seconds
    """From the end of learning until the fleet has the weights."""
    pause: Seconds
    """Of these, the last ones, in which workers stand still."""
    scoring: Seconds
    """Rewards of a group, from its last sample on."""
    contention: float = 1.0
    """Factor by which generation and learning slow each other down: above 1 where they share cores."""
