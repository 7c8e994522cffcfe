"""How far the rewards agree with the user's labels, and with the rewards of another file."""

from __future__ import annotations

from dataclasses import dataclass

from rewards.offline.distribution import Numbers, rank_correlation, ratio
from rewards.offline.row import ScoredRow


@dataclass(frozen=True, slots=True)
class Confusion:
    """Two verdicts on the same rows; "positive" is right. Measures of nothing are None."""

    true_positives: int
    """Both say right."""
    false_positives: int
    """Right by the rewards, wrong by the reference."""
    false_negatives: int
    """Wrong by the rewards, right by the reference."""
    true_negatives: int
    """Both say wrong."""

    @property
    def count(self) -> int:
        """Rows that have both verdicts."""
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives

    @property
    def precision(self) -> float | None:
        """Share of what the rewards call right that is right."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Share of what is right that the rewards call right."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where neither side says right to anything."""
        return ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)

    @property
    def accuracy(self) -> float | None:
        """Share of rows on which both agree."""
        return ratio(self.true_positives + self.true_negatives, self.count)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance; 1 is perfect, 0 is chance. None where both always say the same."""
        if not self.count:
            return None
        ours = self.true_positives + self.false_positives
        theirs = self.true_positives + self.false_negatives
        # In whole numbers, so that "agreement by chance is certain" is found exactly.
        by_chance = ours * theirs + (self.count - ours) * (self.count - theirs)
        agreed = (self.true_positives + self.true_negatives) * self.count
        return ratio(agreed - by_chance, self.count**2 - by_chance)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The rewards' verdict against the label."""

    confusion: Confusion
    """Over rows with a label and a verdict."""
    undecided_right: int
    """Rows labelled right on which the rewards have no verdict."""
    undecided_wrong: int
    """Rows labelled wrong on which the rewards have no verdict."""
    unlabelled: int
    """Rows without a label."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rewards against those of another file."""

    confusion: Confusion
    """Over rows on which both have a verdict; the other file is the reference."""
    undecided_here: int
    """Rows on which only the other file has a verdict."""
    undecided_there: int
    """Rows on which only these rewards have a verdict."""
    undecided_both: int
    correlation: float | None
    """Spearman's rank correlation of the combined rewards; None where one is constant."""
    pairs: int
    """Rows on which both have a combined reward."""


class _Verdicts:
    """Counts pairs of verdicts, absent ones included."""

    def __init__(self) -> None:
        self._counts: dict[tuple[bool | None, bool | None], int] = {}

    def add(self, ours: bool | None, reference: bool | None) -> None:
        self._counts[ours, reference] = self._counts.get((ours, reference), 0) + 1

    def count(self, ours: bool | None, reference: bool | None) -> int:
        return self._counts.get((ours, reference), 0)

    def confusion(self) -> Confusion:
        return Confusion(
            self.count(True, True), self.count(True, False), self.count(False, True), self.count(False, False)
        )


class LabelCounter:
    """Takes up rows, gives the `Agreement` with their labels."""

    def __init__(self) -> None:
        self._verdicts = _Verdicts()

    def add(self, row: ScoredRow) -> None:
        """Take up one row."""
        self._verdicts.add(row.combined.correct, row.label)

    def result(self) -> Agreement | None:
        """None where no row has a label."""
        verdicts = self._verdicts
        agreement = Agreement(
            verdicts.confusion(),
            verdicts.count(None, True),
            verdicts.count(None, False),
            sum(verdicts.count(ours, None) for ours in (True, False, None)),
        )
        labelled = agreement.confusion.count + agreement.undecided_right + agreement.undecided_wrong
        return agreement if labelled else None


class AgainstCounter:
    """Takes up rows, gives the `Comparison` with the other file."""

    def __init__(self) -> None:
        self._rows = 0
        self._verdicts = _Verdicts()
        self._here = Numbers()
        self._there = Numbers()

    def add(self, row: ScoredRow) -> None:
        """Take up one row; one that was not scored by the other file counts nothing."""
        if row.against is None:
            return
        self._rows += 1
        self._verdicts.add(row.combined.correct, row.against.correct)
        if row.combined.reward is not None and row.against.reward is not None:
            self._here.add(row.combined.reward)
            self._there.add(row.against.reward)

    def result(self) -> Comparison | None:
        """None where no row was scored by another file."""
        if not self._rows:
            return None
        verdicts = self._verdicts
        return Comparison(
            verdicts.confusion(),
            verdicts.count(None, True) + verdicts.count(None, False),
            verdicts.count(True, None) + verdicts.count(False, None),
            verdicts.count(None, None),
            rank_correlation(self._here.array(), self._there.array()),
            len(self._here),
        )
