"""What rewards must reach to be called good: thresholds, and sentences about those that are not met.

A threshold on something that cannot be measured is not met: a check that never ran is no pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields

from rewards.offline.statistics import Findings
from rewards.types import Outcome


@dataclass(frozen=True, slots=True)
class Limit:
    """How many samples may fail: a count, or a share of all."""

    text: str
    """As the user wrote it: `5` or `0.5%`."""
    highest: float
    """A count, or a share in [0, 1]."""
    is_share: bool

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read a limit.

        Raises:
            ValueError: it is neither a count nor a share; the message says what to write.
        """
        text = text.strip()
        if re.fullmatch(r"\d{1,15}", text, re.ASCII):
            return cls(text, int(text), is_share=False)
        found = re.fullmatch(r"(\d{1,3}(\.\d{1,15})?|\.\d{1,15})\s*%", text, re.ASCII)
        if found and float(found[1]) <= 100:
            return cls(text, float(found[1]) / 100, is_share=True)
        raise ValueError(
            f"{text!r} is no limit; write a count of samples such as 5, or a share from 0% to 100% as 0.5%"
        )

    def allows(self, count: int, total: int) -> bool:
        """Whether `count` of `total` samples is within the limit."""
        return count <= (self.highest * total * (1 + 1e-12) if self.is_share else self.highest)


@dataclass(frozen=True, slots=True)
class Standards:
    """The thresholds that were set; None sets none."""

    min_f1: float | None = None
    """Against the label, from 0 to 1; so are the next three."""
    min_precision: float | None = None
    min_recall: float | None = None
    min_accuracy: float | None = None
    min_agreement: float | None = None
    """Share of samples on which the other reward file gives the same verdict, from 0 to 1."""
    min_correlation: float | None = None
    """Rank correlation with the combined reward of the other file, from -1 to 1."""
    max_timeouts: Limit | None = None
    """Samples on which a reward timed out."""
    max_failures: Limit | None = None
    """Samples on which a reward timed out, crashed or raised."""
    max_p99_ms: float | None = None
    """99th percentile of the time of a call in milliseconds, of each reward."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not field.name.startswith("min_") or value is None:
                continue
            lowest = -1 if field.name == "min_correlation" else 0
            if not lowest <= value <= 1:
                raise ValueError(f"{_flag(field.name)} is {value:g}; it goes from {lowest} to 1")
        if self.max_p99_ms is not None and not self.max_p99_ms > 0:
            raise ValueError(f"--max-p99-ms is {self.max_p99_ms:g}; it is a time above 0 in milliseconds")

    def unmet(self, findings: Findings) -> list[str]:
        """One sentence for each threshold that is not met; [] when the rewards are good enough."""
        if not findings.rows:
            flags = ", ".join(_flag(field.name) for field in fields(self) if getattr(self, field.name) is not None)
            return [f"no sample was scored, so {flags} cannot be measured: give data with rows"] if flags else []
        return [
            *self._low_against_label(findings),
            *self._low_against_other(findings),
            *self._too_many_failures(findings),
            *self._slow(findings),
        ]

    def _low_against_label(self, findings: Findings) -> Iterator[str]:
        agreement = findings.agreement
        confusion = agreement.confusion if agreement else None
        for name, flag, lowest, value in (
            ("F1", "--min-f1", self.min_f1, confusion.f1 if confusion else None),
            ("precision", "--min-precision", self.min_precision, confusion.precision if confusion else None),
            ("recall", "--min-recall", self.min_recall, confusion.recall if confusion else None),
            ("accuracy", "--min-accuracy", self.min_accuracy, confusion.accuracy if confusion else None),
        ):
            if lowest is not None and agreement is None:
                yield (
                    f"{name} cannot be measured for {flag}: no row has a label. "
                    "Name the column with the true verdicts: --label COLUMN"
                )
            elif lowest is not None:
                yield from _low(name, flag, lowest, value)

    def _low_against_other(self, findings: Findings) -> Iterator[str]:
        comparison = findings.comparison
        for name, flag, lowest, value in (
            ("agreement", "--min-agreement", self.min_agreement, comparison.confusion.accuracy if comparison else None),
            (
                "rank correlation",
                "--min-correlation",
                self.min_correlation,
                comparison.correlation if comparison else None,
            ),
        ):
            if lowest is not None and comparison is None:
                yield f"{name} cannot be measured for {flag}: name the reward file to compare with: --against FILE"
            elif lowest is not None:
                yield from _low(name, flag, lowest, value)

    def _too_many_failures(self, findings: Findings) -> Iterator[str]:
        combined, rewards = findings.combined, findings.rewards
        timeouts = {name: reward.outcomes[Outcome.TIMEOUT] for name, reward in rewards.items()}
        failures = {name: reward.failed for name, reward in rewards.items()}
        for what, limit, count, calls in (
            ("timeout", self.max_timeouts, combined.with_timeout, timeouts),
            ("failure", self.max_failures, combined.with_failure, failures),
        ):
            if limit is not None and not limit.allows(count, findings.rows):
                share = f" ({count / findings.rows:.2%})" if limit.is_share else ""
                where = ", ".join(f"{name} {calls[name]:,}" for name in calls if calls[name])
                yield (
                    f"{count:,} of {findings.rows:,} samples{share} had a {what} [{where}], "
                    f"above --max-{what}s {limit.text}"
                )

    def _slow(self, findings: Findings) -> Iterator[str]:
        if self.max_p99_ms is None:
            return
        timed = {name: reward.seconds for name, reward in findings.rewards.items() if reward.seconds}
        if not timed:
            yield "p99 cannot be measured for --max-p99-ms: no reward was called. Give data that a reward applies to"
        for name, seconds in timed.items():
            ms = seconds.percentiles[99] * 1e3
            if ms > self.max_p99_ms:
                yield f"p99 of `{name}` is {ms:,.2f} ms, above --max-p99-ms {self.max_p99_ms:g}"


_UNDEFINED = {
    "F1": "no labelled row is right, and the rewards call none right. Score data that has right responses too",
    "precision": "the rewards call no labelled row right. Score data that has right responses too",
    "recall": "no row with a verdict is labelled right. Score data that has right responses too",
    "accuracy": "no labelled row has a verdict. Look at the failures of the reward that judges correctness",
    "agreement": "no row has a verdict of both files. Look at the failures of the rewards that judge correctness",
    "rank correlation": "the combined reward of one file is the same on all rows that both scored. "
    "Score data whose responses differ in quality",
}


def _low(name: str, flag: str, lowest: float, value: float | None) -> Iterator[str]:
    if value is None:
        yield f"{name} is undefined for {flag}: {_UNDEFINED[name]}"
    elif value < lowest:
        yield f"{name} is {_visibly_below(value, lowest)}, below {flag} {lowest:g}"


def _visibly_below(value: float, lowest: float) -> str:
    """`value` with three digits, or as many as it takes to see that it is below `lowest`."""
    for digits in range(3, 17):
        if float(text := f"{value:.{digits}f}") < lowest:
            return text
    return repr(value)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
