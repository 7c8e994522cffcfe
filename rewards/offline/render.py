"""What was found, as lines of plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rewards.offline.agreement import Agreement, Comparison, Confusion
from rewards.offline.cases import Case, Kind, printable
from rewards.offline.distribution import Distribution
from rewards.offline.statistics import Findings, RewardStatistics
from rewards.offline.wording import (
    OUTCOMES,
    counted,
    kind_titles,
    number,
    quantity,
    score_text,
    share,
    speed,
    verdict,
)
from rewards.types import Combined

WIDTH = 110
_NAME = 24
_BAR = 40
_BLOCKS = " ▏▎▍▌▋▊▉"
_EXAMPLES = 3
_TEXT = 300
_MESSAGE_LINES = 3


def render(
    findings: Findings, *, seconds: float, resumed: int = 0, label: str = "label", against: str = "the other file"
) -> list[str]:
    """Lines of at most 110 characters.

    Args:
        seconds: wall time of the scoring.
        resumed: rows that an interrupted scoring had left, and that cost no time now.
        label: the column with the labels.
        against: name of the other reward file.
    """
    lines = [*_summary(findings, seconds, resumed)]
    if not findings.rows:
        return lines
    lines += ["", *_table(findings), "", *_outcomes(findings), *_details(findings)]
    named = {name: reward.values for name, reward in findings.rewards.items()}
    if len(named) > 1:
        named["combined"] = findings.combined.values
    for name, values in named.items():
        lines += _histogram(name, values) if values else ()
    lines += _failures(findings)
    label, against = _short(printable(label), 30), _short(printable(against), 40)
    if findings.agreement:
        lines += _against_label(findings.agreement, label)
        for kind in (Kind.FALSE_POSITIVE, Kind.FALSE_NEGATIVE):
            lines += _examples(findings, kind, against)
    if findings.comparison:
        lines += _against_other(findings.comparison, against)
        for kind in (Kind.ONLY_HERE, Kind.ONLY_THERE):
            lines += _examples(findings, kind, against)
    return [line.rstrip() for line in lines]


def _summary(findings: Findings, seconds: float, resumed: int) -> Iterator[str]:
    combined = findings.combined
    if not findings.rows:
        yield "no samples"
        return
    yield speed(findings.rows, seconds, resumed)
    undecided = findings.rows - combined.decided
    parts = [f"judged right {combined.right:,} of {combined.decided:,} ({share(combined.right, combined.decided)})"]
    if undecided:
        parts.append(f"no verdict on {undecided:,} ({share(undecided, findings.rows)})")
    if combined.masked:
        parts.append(f"masked {combined.masked:,} ({share(combined.masked, findings.rows)})")
    yield ", ".join(parts)


def _table(findings: Findings) -> list[str]:
    rows = [["reward", "values", "mean", "std", "min", "max", "calls/s", "p50 ms", "p95 ms", "p99 ms"]]
    rows += [[_short(name, _NAME), *_values(one.values), *_times(one)] for name, one in findings.rewards.items()]
    rows.append(["combined", *_values(findings.combined.values), "", "", "", ""])
    note = "calls/s: what one worker process manages, 1 / mean time of a call"
    return [*_aligned(rows), note]


def _values(values: Distribution | None) -> list[str]:
    if values is None:
        return ["0", "-", "-", "-", "-"]
    return [f"{values.count:,}", *(number(one) for one in (values.mean, values.std, values.min, values.max))]


def _times(reward: RewardStatistics) -> list[str]:
    percentiles = reward.seconds.percentiles if reward.seconds else {}
    ms = [quantity(percentiles[p] * 1e3) if percentiles else "-" for p in (50, 95, 99)]
    return [quantity(reward.calls_per_second), *ms]


def _outcomes(findings: Findings) -> list[str]:
    seen = [outcome for outcome in OUTCOMES if any(one.outcomes[outcome] for one in findings.rewards.values())]
    rows = [["outcomes", *(OUTCOMES[outcome] for outcome in seen)]]
    for name, one in findings.rewards.items():
        rows.append([_short(name, _NAME), *(f"{one.outcomes[outcome]:,}" for outcome in seen)])
    return _aligned(rows)


def _details(findings: Findings) -> Iterator[str]:
    for name, one in findings.rewards.items():
        if one.detail:
            parts = ", ".join(f"{printable(part)} {number(mean)}" for part, mean in one.detail.items())
            yield from _wrapped(f"parts of {_short(name, _NAME)}: ", parts)


def _histogram(name: str, values: Distribution) -> Iterator[str]:
    yield ""
    yield f"values of {_short(name, _NAME)}"
    width = max(len(bar.label) for bar in values.histogram)
    highest = max(bar.count for bar in values.histogram)
    digits = len(f"{highest:,}")
    for bar in values.histogram:
        drawn = _drawn(bar.count / highest)
        part = share(bar.count, values.count)
        yield f"  {bar.label:>{width}}  {drawn:<{_BAR}}  {bar.count:>{digits},}  {part:>6}"


def _drawn(part: float) -> str:
    """A bar of block characters; what is not nothing shows."""
    eighths = max(round(part * _BAR * 8), 1 if part > 0 else 0)
    return ("█" * (eighths // 8) + _BLOCKS[eighths % 8]).rstrip(" ")


def _failures(findings: Findings) -> Iterator[str]:
    for name, one in findings.rewards.items():
        for outcome, first in one.failures.items():
            yield ""
            rows = counted(one.outcomes[outcome], "row")
            yield f"{_short(name, _NAME)}: {OUTCOMES[outcome]} on {rows}, first on row {first.number:,}"
            message = [line for line in first.message.splitlines() if line.strip(" ~^")]
            if len(message) > _MESSAGE_LINES:
                yield "    ..."
            yield from (f"    {_short(line.expandtabs(4), WIDTH - 4)}" for line in message[-_MESSAGE_LINES:])


def _against_label(agreement: Agreement, label: str) -> Iterator[str]:
    confusion = agreement.confusion
    yield ""
    yield f"agreement with `{label}` on {counted(confusion.count, 'row')} with both verdicts"
    rows = [["", "labelled right", "labelled wrong"]]
    rows.append(["judged right", f"{confusion.true_positives:,}", f"{confusion.false_positives:,}"])
    rows.append(["judged wrong", f"{confusion.false_negatives:,}", f"{confusion.true_negatives:,}"])
    if agreement.undecided_right or agreement.undecided_wrong:
        rows.append(["no verdict", f"{agreement.undecided_right:,}", f"{agreement.undecided_wrong:,}"])
    yield from (f"  {line}" for line in _aligned(rows))
    if agreement.unlabelled:
        yield f"  {counted(agreement.unlabelled, 'row')} without a label"
    names = ("precision", "recall", "F1", "accuracy", "kappa")
    yield "  " + "  ".join(f"{name} {number(value)}" for name, value in zip(names, _measures(confusion), strict=True))


def _measures(confusion: Confusion) -> Sequence[float | None]:
    return (confusion.precision, confusion.recall, confusion.f1, confusion.accuracy, confusion.kappa)


def _against_other(comparison: Comparison, against: str) -> Iterator[str]:
    confusion = comparison.confusion
    yield ""
    yield f"agreement with {against} on {counted(confusion.count, 'row')} with both verdicts"
    yield (
        f"  same verdict {number(confusion.accuracy)}  kappa {number(confusion.kappa)}  "
        f"rank correlation of the rewards {number(comparison.correlation)} ({counted(comparison.pairs, 'row')})"
    )
    yield f"  right here, wrong there: {confusion.false_positives:,}"
    yield f"  wrong here, right there: {confusion.false_negatives:,}"
    missing = (
        (comparison.undecided_here, "here"),
        (comparison.undecided_there, "there"),
        (comparison.undecided_both, "on either side"),
    )
    yield from (f"  no verdict {where}: {count:,}" for count, where in missing if count)


def _examples(findings: Findings, kind: Kind, against: str) -> Iterator[str]:
    title = kind_titles(against)[kind]
    for place, case in enumerate(findings.cases_of(kind)[:_EXAMPLES], 1):
        yield ""
        yield f"{title} {place} of {findings.counts[kind]:,}: row {case.number:,}"
        yield from _case(case, against)


def _case(case: Case, against: str) -> Iterator[str]:
    yield from _wrapped("  question      ", _start(case.question))
    yield from _wrapped("  response      ", _end(case.answer if case.answer.strip() else case.thinking or ""))
    yield from _wrapped("  ground truth  ", _start(case.ground_truth))
    yield from _wrapped("  rewards       ", _scores(case.combined))
    if case.against:
        yield from _wrapped("  there         ", f"{_scores(case.against)} [{against}]")
    if case.label is not None:
        yield f"  label         {verdict(case.label)}"


def _scores(combined: Combined) -> str:
    parts = []
    for name, score in combined.scores.items():
        message = "" if score.outcome.is_failure or not score.message else f" ({_start(score.message)})"
        parts.append(f"{printable(name)} {score_text(score)}{message}")
    return f"{verdict(combined.correct)}: " + ", ".join(parts)


def _start(text: str) -> str:
    return _short(" ".join(text.split()), _TEXT)


def _end(text: str) -> str:
    """The end of a response: that is where the answer is."""
    text = " ".join(text.split())
    return text if len(text) <= _TEXT else "..." + text[-_TEXT + 3 :]


def _short(text: str, length: int) -> str:
    text = printable(text)
    return text if len(text) <= length else text[: length - 3] + "..."


def _wrapped(head: str, text: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH - len(head), break_on_hyphens=False) or ["(empty)"]
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns: the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:<{width}}" if not place else f"{cell:>{width}}" for place, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
