"""What scored rows say about the rewards: values, outcomes, time and failures of each, and their combination.

- `Statistics`: takes up rows one by one; millions fit in memory (8 bytes a number, a bounded number of texts).
- `Findings`: what it found.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rewards.offline.agreement import AgainstCounter, Agreement, Comparison, LabelCounter
from rewards.offline.cases import Case, Cases, Kind, kept_text
from rewards.offline.distribution import Distribution, Numbers, ratio
from rewards.offline.row import ScoredRow
from rewards.types import Combined, Outcome, Score


@dataclass(frozen=True, slots=True)
class FirstFailure:
    """The first failure of a kind."""

    number: int
    """Its row."""
    message: str
    """Traceback, or what was wrong with the returned value."""


@dataclass(frozen=True, slots=True)
class RewardStatistics:
    """One reward function on all rows."""

    values: Distribution | None
    """Of the rows that it gave a value; None where there are none."""
    outcomes: Mapping[Outcome, int]
    """All outcomes, those that never came up as 0."""
    seconds: Distribution | None
    """Time of a call; rows on which the function was not called count nothing."""
    detail: Mapping[str, float]
    """Mean of each named part, over the rows that have it as a finite number."""
    failures: Mapping[Outcome, FirstFailure]

    @property
    def failed(self) -> int:
        """Calls that gave no value: timeouts, crashes, errors."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.is_failure)

    @property
    def calls_per_second(self) -> float | None:
        """Calls that one worker process manages in a second: 1 / mean time of a call."""
        return 1.0 / self.seconds.mean if self.seconds and self.seconds.mean > 0 else None


@dataclass(frozen=True, slots=True)
class CombinedStatistics:
    """The combined reward and the verdict on all rows."""

    values: Distribution | None
    """Over rows that have a combined reward."""
    masked: int
    """Rows without a combined reward; training drops them from the loss."""
    right: int
    decided: int
    """Rows with a verdict."""
    with_timeout: int
    """Rows on which at least one reward timed out."""
    with_failure: int
    """Rows on which at least one reward timed out, crashed or raised."""

    @property
    def accuracy(self) -> float | None:
        """Share of the decided rows that the rewards call right (the run's `reward/accuracy`)."""
        return ratio(self.right, self.decided)


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is computed from scored rows."""

    rows: int
    rewards: Mapping[str, RewardStatistics]
    """By name, in the order of the reward file."""
    combined: CombinedStatistics
    agreement: Agreement | None
    """With the labels; None without labels."""
    comparison: Comparison | None
    """With the other reward file; None without one."""
    counts: Mapping[Kind, int]
    """All rows of each kind."""
    cases: tuple[Case, ...]
    """The first rows of each kind, in the order of the data."""

    def cases_of(self, kind: Kind) -> list[Case]:
        """The kept rows of one kind, in the order of the data."""
        return [case for case in self.cases if kind in case.kinds]


class Statistics:
    """Takes up scored rows one by one."""

    def __init__(self) -> None:
        self._rows = 0
        self._rewards: dict[str, _Reward] = {}
        self._combined = _Combined()
        self._labels = LabelCounter()
        self._against = AgainstCounter()
        self._cases = Cases()

    def add(self, row: ScoredRow) -> None:
        """Take up one row."""
        self._rows += 1
        for name, score in row.combined.scores.items():
            if name not in self._rewards:
                self._rewards[name] = _Reward()
            self._rewards[name].add(row.number, score)
        self._combined.add(row.combined)
        self._labels.add(row)
        self._against.add(row)
        self._cases.add(row)

    def result(self) -> Findings:
        """What was found so far; more rows may follow."""
        return Findings(
            self._rows,
            {name: reward.result() for name, reward in self._rewards.items()},
            self._combined.result(),
            self._labels.result(),
            self._against.result(),
            {kind: self._cases.counts[kind] for kind in Kind},
            tuple(self._cases.kept),
        )


class _Reward:
    """The scores of one reward."""

    def __init__(self) -> None:
        self._values = Numbers()
        self._seconds = Numbers()
        self._outcomes: Counter[Outcome] = Counter()
        self._sums: dict[str, tuple[float, int]] = {}
        self._failures: dict[Outcome, FirstFailure] = {}

    def add(self, number: int, score: Score) -> None:
        self._outcomes[score.outcome] += 1
        if score.seconds > 0:  # a function that was not called took no time
            self._seconds.add(score.seconds)
        if score.outcome.has_value:
            self._values.add(score.value)
            for part, value in score.detail.items():
                if math.isfinite(value):
                    total, count = self._sums.get(part, (0.0, 0))
                    self._sums[part] = (total + value, count + 1)
        if score.outcome.is_failure and score.outcome not in self._failures:
            self._failures[score.outcome] = FirstFailure(number, kept_text(score.message))

    def result(self) -> RewardStatistics:
        return RewardStatistics(
            self._values.distribution(),
            {outcome: self._outcomes[outcome] for outcome in Outcome},
            self._seconds.distribution(),
            {part: total / count for part, (total, count) in self._sums.items()},
            dict(self._failures),
        )


class _Combined:
    """The combined rewards and verdicts."""

    def __init__(self) -> None:
        self._values = Numbers()
        self._masked = self._right = self._decided = self._with_timeout = self._with_failure = 0

    def add(self, combined: Combined) -> None:
        if combined.reward is None:
            self._masked += 1
        else:
            self._values.add(combined.reward)
        if combined.correct is not None:
            self._decided += 1
            self._right += combined.correct
        outcomes = {score.outcome for score in combined.scores.values()}
        self._with_timeout += Outcome.TIMEOUT in outcomes
        self._with_failure += any(outcome.is_failure for outcome in outcomes)

    def result(self) -> CombinedStatistics:
        return CombinedStatistics(
            self._values.distribution(),
            self._masked,
            self._right,
            self._decided,
            self._with_timeout,
            self._with_failure,
        )
