"""What was found, as one HTML file in which a person reads where rewards and labels disagree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rewards.atomic import write_atomically
from rewards.offline.agreement import Agreement, Comparison, Confusion
from rewards.offline.cases import Kind, printable
from rewards.offline.distribution import Distribution
from rewards.offline.report_cases import cases_section, text
from rewards.offline.report_page import SCRIPT, STYLE
from rewards.offline.statistics import Findings, RewardStatistics
from rewards.offline.wording import OUTCOMES, counted, number, quantity, share, speed
from rewards.page import page


def write_report(
    path: Path,
    findings: Findings,
    *,
    title: str,
    rewards_file: str,
    data_file: str,
    seconds: float,
    resumed: int = 0,
    label: str = "label",
    against: str = "the other file",
) -> None:
    """Write the report; it loads nothing from outside.

    Args:
        rewards_file: what scored, for the reader.
        data_file: what was scored, for the reader.
        seconds: wall time of the scoring.
        resumed: rows that an interrupted scoring had left, and that cost no time now.
        label: the column with the labels.
        against: name of the other reward file.
    """
    found = (
        "".join(
            (
                _tiles(findings, against),
                _agreements(findings, label, against),
                f"<h2>Rewards</h2>{_table(findings)}",
                _histograms(findings),
                _failures(findings),
                cases_section(findings, against),
            )
        )
        if findings.rows
        else "<p>No sample was scored.</p>"
    )
    compared = f" · against {text(against)}" if findings.comparison else ""
    body = (
        f"<h1>{text(title)}</h1>"
        f'<p class="lead">{text(rewards_file)} on {text(data_file)}{compared} · '
        f"{speed(findings.rows, seconds, resumed)}</p>{found}"
        f"<footer>written {datetime.now():%Y-%m-%d %H:%M}</footer>"
    )
    script = SCRIPT if findings.cases else ""
    write_atomically(path, page(f"{printable(title)}: scores", body, script=script, style=STYLE))


def _tiles(findings: Findings, against: str) -> str:
    combined, rows = findings.combined, findings.rows
    undecided = rows - combined.decided
    tiles = [
        _tile(f"{rows:,}", "samples"),
        _tile(share(combined.right, combined.decided), f"judged right, of {combined.decided:,} with a verdict"),
    ]
    if findings.agreement:
        confusion = findings.agreement.confusion
        look = "bad" if confusion.false_positives else ""
        measures = f"F1; precision {number(confusion.precision)}, recall {number(confusion.recall)}"
        tiles += [
            _tile(f"{confusion.false_positives:,}", "false positives: a policy exploits these", look),
            _tile(number(confusion.f1), measures),
        ]
    if findings.comparison:
        tiles.append(_tile(number(findings.comparison.confusion.accuracy), f"same verdict as {against}"))
    if undecided:
        tiles.append(_tile(f"{undecided:,} <small>{share(undecided, rows)}</small>", "without a verdict"))
    if combined.masked:
        tiles.append(_tile(f"{combined.masked:,} <small>{share(combined.masked, rows)}</small>", "masked: no reward"))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(value: str, name: str, look: str = "") -> str:
    return f'<div class="tile"><b class="{look}">{value}</b><span>{text(name)}</span></div>'


def _table(findings: Findings) -> str:
    seen = [outcome for outcome in OUTCOMES if any(one.outcomes[outcome] for one in findings.rewards.values())]
    heads = ["reward", "mean", "std", "min", "max", *(OUTCOMES[outcome] for outcome in seen)]
    heads += ["calls/s", "p50 ms", "p95 ms", "p99 ms"]
    rows = [_cells("th", heads)]
    for name, one in findings.rewards.items():
        counts = [
            f'<td class="{_outcome_class(one.outcomes[outcome], failure=outcome.is_failure)}">'
            f"{one.outcomes[outcome]:,}</td>"
            for outcome in seen
        ]
        rows.append(f"<td>{text(name)}</td>{_values(one.values)}{''.join(counts)}{_times(one)}")
    rows.append(f"<td>combined</td>{_values(findings.combined.values)}{'<td></td>' * (len(seen) + 4)}")
    parts = "; ".join(
        f"{text(name)}: {', '.join(f'{text(part)} {number(mean)}' for part, mean in one.detail.items())}"
        for name, one in findings.rewards.items()
        if one.detail
    )
    return (
        f'<div class="card scroll"><table>{"".join(f"<tr>{row}</tr>" for row in rows)}</table></div>'
        '<p class="note">calls/s is what one worker process manages: 1 / mean time of a call.'
        f"{f' Means of named parts: {parts}.' if parts else ''}</p>"
    )


def _cells(tag: str, cells: list[str]) -> str:
    return "".join(f"<{tag}>{text(cell)}</{tag}>" for cell in cells)


def _values(values: Distribution | None) -> str:
    found = (values.mean, values.std, values.min, values.max) if values else (None, None, None, None)
    return _cells("td", [number(value) for value in found])


def _times(reward: RewardStatistics) -> str:
    percentiles = reward.seconds.percentiles if reward.seconds else {}
    ms = [quantity(percentiles[p] * 1e3) if percentiles else "-" for p in (50, 95, 99)]
    return _cells("td", [quantity(reward.calls_per_second), *ms])


def _outcome_class(count: int, *, failure: bool) -> str:
    if not count:
        return "none"
    return "bad" if failure else ""


def _histograms(findings: Findings) -> str:
    named = {name: reward.values for name, reward in findings.rewards.items()}
    if len(named) > 1:
        named["combined"] = findings.combined.values
    figures = "".join(_histogram(name, values) for name, values in named.items() if values)
    return f'<h2>Values</h2><div class="side">{figures}</div>' if figures else ""


def _histogram(name: str, values: Distribution) -> str:
    highest = max(bar.count for bar in values.histogram)
    bars = "".join(
        f'<span>{bar.label}</span><i style="width:{bar.count / highest:.1%}"></i>'
        f"<span>{bar.count:,} · {share(bar.count, values.count)}</span>"
        for bar in values.histogram
    )
    caption = f"{text(name)} <span>over {counted(values.count, 'row')}, mean {number(values.mean)}</span>"
    return f'<figure><figcaption>{caption}</figcaption><div class="bars">{bars}</div></figure>'


def _failures(findings: Findings) -> str:
    parts = [
        f'<details class="failure" open><summary>{text(name)}: <span class="bad">{OUTCOMES[outcome]}</span> on '
        f"{counted(one.outcomes[outcome], 'row')}, first on row {first.number:,}</summary>"
        f"<pre>{text(first.message)}</pre></details>"
        for name, one in findings.rewards.items()
        for outcome, first in one.failures.items()
    ]
    return f"<h2>Failures</h2>{''.join(parts)}" if parts else ""


def _agreements(findings: Findings, label: str, against: str) -> str:
    parts = [
        *(_against_label(findings.agreement, label) if findings.agreement else ()),
        *(_against_other(findings.comparison, against) if findings.comparison else ()),
    ]
    return f'<h2>Agreement</h2><div class="side">{"".join(parts)}</div>' if parts else ""


def _against_label(agreement: Agreement, label: str) -> Iterator[str]:
    confusion = agreement.confusion
    rows = [
        "<tr><th></th><th>labelled right</th><th>labelled wrong</th></tr>",
        "<tr><td>judged right</td>",
        _cell(Kind.TRUE_POSITIVE, confusion.true_positives, "true positives"),
        _cell(Kind.FALSE_POSITIVE, confusion.false_positives, "false positives", "bad"),
        "</tr><tr><td>judged wrong</td>",
        _cell(Kind.FALSE_NEGATIVE, confusion.false_negatives, "false negatives", "odd"),
        _cell(Kind.TRUE_NEGATIVE, confusion.true_negatives, "true negatives"),
        "</tr>",
    ]
    if agreement.undecided_right or agreement.undecided_wrong:
        rows += [
            "<tr><td>no verdict</td>",
            _cell(Kind.UNDECIDED, agreement.undecided_right, "undecided"),
            _cell(Kind.UNDECIDED, agreement.undecided_wrong, "undecided"),
            "</tr>",
        ]
    unlabelled = f"; {counted(agreement.unlabelled, 'row')} without a label" if agreement.unlabelled else ""
    yield (
        f'<div class="part card"><h3>With the label {text(label)}</h3>'
        f"<p>{counted(confusion.count, 'row')} with both verdicts{unlabelled}. A click on a number shows its rows.</p>"
        f'<div class="scroll"><table class="table2">{"".join(rows)}</table></div>{_measures(confusion)}</div>'
    )


def _against_other(comparison: Comparison, against: str) -> Iterator[str]:
    confusion = comparison.confusion
    missing = (
        (comparison.undecided_here, "here"),
        (comparison.undecided_there, "there"),
        (comparison.undecided_both, "on either side"),
    )
    told = "".join(f"; no verdict {where} on {count:,}" for count, where in missing if count)
    yield (
        f'<div class="part card"><h3>With {text(against)}</h3>'
        f"<p>{counted(confusion.count, 'row')} with both verdicts{told}</p>"
        '<div class="scroll"><table class="table2"><tr><th></th><th>right there</th><th>wrong there</th></tr>'
        f"<tr><td>right here</td>{_cell(None, confusion.true_positives, 'same')}"
        f"{_cell(Kind.ONLY_HERE, confusion.false_positives, 'only here', 'odd')}</tr>"
        f"<tr><td>wrong here</td>{_cell(Kind.ONLY_THERE, confusion.false_negatives, 'only there', 'odd')}"
        f"{_cell(None, confusion.true_negatives, 'same')}</tr></table></div>"
        f'<div class="measures"><span>same verdict <b>{number(confusion.accuracy)}</b></span>'
        f"<span>kappa <b>{number(confusion.kappa)}</b></span><span>rank correlation of the rewards "
        f"<b>{number(comparison.correlation)}</b> on {counted(comparison.pairs, 'row')}</span></div></div>"
    )


def _cell(kind: Kind | None, count: int, name: str, look: str = "") -> str:
    """A number that shows its rows when it is clicked."""
    shown = f'<b class="{look if count else ""}">{count:,}</b><small>{name}</small>'
    return f'<td><a href="#{kind}">{shown}</a></td>' if kind and count else f"<td>{shown}</td>"


def _measures(confusion: Confusion) -> str:
    named = {
        "precision": confusion.precision,
        "recall": confusion.recall,
        "F1": confusion.f1,
        "accuracy": confusion.accuracy,
        "kappa": confusion.kappa,
    }
    spans = "".join(f"<span>{name} <b>{number(value)}</b></span>" for name, value in named.items())
    return f'<div class="measures">{spans}</div>'
