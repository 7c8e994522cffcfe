"""Words and number formats that the terminal and the report share."""

from __future__ import annotations

from collections.abc import Mapping

from rewards.offline.cases import Kind
from rewards.types import Outcome, Score

OUTCOMES: Mapping[Outcome, str] = {outcome: outcome.value.replace("_", " ") for outcome in Outcome}


def kind_titles(against: str) -> dict[Kind, str]:
    """What rows of a kind are called.

    Args:
        against: name of the other reward file.
    """
    return {
        Kind.FALSE_POSITIVE: "false positive",
        Kind.FALSE_NEGATIVE: "false negative",
        Kind.ONLY_HERE: f"right here, wrong by {against}",
        Kind.ONLY_THERE: f"wrong here, right by {against}",
        Kind.UNDECIDED: "undecided",
        Kind.TRUE_POSITIVE: "true positive",
        Kind.TRUE_NEGATIVE: "true negative",
        Kind.RIGHT: "judged right, no label",
        Kind.WRONG: "judged wrong, no label",
    }


def number(value: float | None) -> str:
    """Three decimals; none of a large number; `-` of nothing."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1e7 or 0 < size < 5e-4:
        return f"{value:.2e}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.3f}"


def quantity(value: float | None) -> str:
    """A time or a rate: three digits that count; `-` of nothing."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def share(part: int, whole: int) -> str:
    """`12.3%`."""
    return f"{part / whole:.1%}" if whole else "-"


def verdict(correct: bool | None) -> str:
    """`right`, `wrong` or `no verdict`."""
    return "no verdict" if correct is None else "right" if correct else "wrong"


def score_text(score: Score) -> str:
    """What a reward said, without its message: `0.5`, `0 (no answer)`, `timeout`."""
    if not score.outcome.has_value:
        return OUTCOMES[score.outcome]
    value = f"{score.value:.6g}"
    return value if score.outcome is Outcome.SCORED else f"{value} ({OUTCOMES[score.outcome]})"


def counted(count: int, noun: str) -> str:
    """`1 sample`, `2 samples`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def speed(rows: int, seconds: float, resumed: int) -> str:
    """`1,000 samples in 12.3 s, 81 samples/s`.

    Args:
        rows: all samples, scored before and now.
        seconds: wall time of the scoring now.
        resumed: samples that were scored before and read back.
    """
    if resumed >= rows:
        return f"{counted(rows, 'sample')}, all scored before"
    before = f", {resumed:,} of them scored before" if resumed else ""
    rate = f", {quantity((rows - resumed) / seconds)} samples/s" if seconds > 0 else ""
    return f"{counted(rows, 'sample')} in {quantity(seconds)} s{rate}{before}"
