"""The part of the report in which a person reads rows: filters, a search box, and one card a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from rewards.offline.cases import Case, Kind, printable
from rewards.offline.statistics import Findings
from rewards.offline.wording import kind_titles, number, score_text, verdict
from rewards.types import Combined

_CLASSES = {Kind.FALSE_POSITIVE: "bad", Kind.FALSE_NEGATIVE: "odd"}


def text(value: str) -> str:
    """Any text as HTML."""
    return escape(printable(value))


def cases_section(findings: Findings, against: str) -> str:
    """All kept rows, the most telling kind first.

    Args:
        against: name of the other reward file.
    """
    if not findings.cases:
        return ""
    titles = kind_titles(against)
    order = {kind: place for place, kind in enumerate(Kind)}
    cases = sorted(findings.cases, key=lambda case: (min(order[kind] for kind in case.kinds), case.number))
    cards = "".join(_card(case, titles, against) for case in cases)
    return f'<h2 id="rows">Rows to read</h2>{_tools(findings, titles)}{cards}'


def _tools(findings: Findings, titles: Mapping[Kind, str]) -> str:
    chips = [
        f'<a href="#{kind}">{text(titles[kind])} <small>{_kept(len(findings.cases_of(kind)), count)}</small></a>'
        for kind, count in findings.counts.items()
        if count
    ]
    chips.append(f'<a href="#all">all kept <small>{len(findings.cases):,}</small></a>')
    return (
        f'<div class="tools"><div class="chips">{"".join(chips)}</div><div class="find">'
        '<input id="search" type="search" placeholder="Search in questions, responses, messages" aria-label="Search">'
        '<button id="before">previous</button><span id="place"></span><button id="after">next</button>'
        '<span class="keys"><kbd>j</kbd> next <kbd>k</kbd> previous <kbd>t</kbd> thinking <kbd>/</kbd> search</span>'
        "</div></div>"
    )


def _kept(kept: int, count: int) -> str:
    return f"{count:,}" if kept == count else f"first {kept:,} of {count:,}"


def _card(case: Case, titles: Mapping[Kind, str], against: str) -> str:
    thinking = ""
    if case.thinking is not None:
        summary = f"<summary>thinking, {len(case.thinking):,} characters</summary>"
        shown = "" if case.answer.strip() else " open"  # nothing else to read
        thinking = f"<details{shown}>{summary}<pre>{text(case.thinking)}</pre></details>"
    answer = f"<pre>{text(case.answer)}</pre>" if case.answer.strip() else '<p class="note">no answer</p>'
    return (
        f'<article class="case card" id="row-{case.number}" data-kinds="{" ".join(case.kinds)}">'
        f"<header>{''.join(_header(case, titles))}</header>"
        f'<div class="texts"><div><h4>Question</h4><pre>{text(case.question)}</pre>'
        f"<h4>Ground truth</h4><pre>{text(case.ground_truth)}</pre></div>"
        f"<div><h4>Response</h4>{thinking}{answer}</div></div>"
        f'<div class="scroll"><table><tr><th>reward</th><th>value</th><th>verdict</th><th>message</th></tr>'
        f"{''.join(_scores(case, against))}</table></div></article>"
    )


def _header(case: Case, titles: Mapping[Kind, str]) -> Iterator[str]:
    yield f'<a href="#row-{case.number}">row {case.number:,}</a>'
    for kind in case.kinds:
        yield f'<span class="{_CLASSES.get(kind, "")}">{text(titles[kind])}</span>'
    if case.combined.correct is not None:
        yield f"<span>judged {_verdict(case.combined.correct)}</span>"
    if case.label is not None:
        yield f"<span>labelled {_verdict(case.label)}</span>"
    yield f"<span>reward {_reward(case.combined)}</span>"
    if case.against:
        yield f"<span>there {_reward(case.against)}</span>"


def _verdict(correct: bool | None) -> str:
    name = verdict(correct)
    return name if correct is None else f'<b class="{name}">{name}</b>'


def _reward(combined: Combined) -> str:
    return "masked" if combined.reward is None else number(combined.reward)


def _scores(case: Case, against: str) -> Iterator[str]:
    sources = [("", case.combined)]
    if case.against:
        sources.append((f' <span class="from">{text(against)}</span>', case.against))
    for source, combined in sources:
        for name, score in combined.scores.items():
            judged = "" if score.correct is None else _verdict(score.correct)
            failed = ' class="bad"' if score.outcome.is_failure else ""
            yield (
                f"<tr><td>{text(name)}{source}</td><td{failed}>{score_text(score)}</td><td>{judged}</td>"
                f'<td class="message">{text(score.message)}</td></tr>'
            )
