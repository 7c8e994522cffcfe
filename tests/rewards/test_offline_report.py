"""The report of an offline scoring. Pinned behaviour:

1. one well-formed file that loads nothing from outside;
2. hostile text stays text: markup, control characters, lone surrogates, endless responses;
3. cells and filters name kinds that cards carry, the most telling kind first;
4. sections without data are left out; the old file stays when writing fails.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rewards.atomic import write_atomically
from rewards.offline.report import write_report
from rewards.offline.row import ScoredRow
from rewards.offline.statistics import Findings, Statistics
from rewards.types import Combined, Outcome, RewardInput, Score

HOSTILE = "</script><script>alert(1)</script>\"'&amp;<!-- \x00\x1b[31m\ud800\u202e]]></pre></article>"
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Checks nesting and collects what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.cards: dict[str, list[str]] = {}
        self.scripts = 0
        self.handlers: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.links += [given[name] for name in ("src", "href") if name in given]
        self.handlers += [name for name in given if name.startswith("on")]
        self.scripts += tag == "script"
        if "data-kinds" in given:
            self.cards[given["id"]] = given["data-kinds"].split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def row(
    number: int, correct: bool | None, label: bool | None = None, there: bool | None = None, **texts: str
) -> ScoredRow:
    words = {"question": "6 * 7?", "answer": "42", "message": "", "name": "math"} | texts
    sample = RewardInput(
        ({"role": "user", "content": words["question"]},), "", texts.get("thinking"), words["answer"], "42"
    )
    score = Score(float(correct or 0), Outcome.SCORED, correct, message=words["message"], seconds=0.01)
    if correct is None:
        score = Score(0.0, Outcome.ERROR, message=words["message"], seconds=0.01)
    reward = None if correct is None else float(correct)
    against = None if there is None else Combined(float(there), {"other": Score(float(there), correct=there)}, there)
    return ScoredRow(number, sample, Combined(reward, {words["name"]: score}, correct), label, against)


def found(*rows: ScoredRow) -> Findings:
    statistics = Statistics()
    for one in rows:
        statistics.add(one)
    return statistics.result()


def written(path: Path, findings: Findings, **settings: str) -> str:
    names = {"title": "my rewards", "rewards_file": "rewards.yaml", "data_file": "samples.jsonl"} | settings
    write_report(
        path / "report.html", findings, seconds=2.0, label=names.pop("label", "label"),
        against=names.pop("against", "other.yaml"), title=names["title"], rewards_file=names["rewards_file"],
        data_file=names["data_file"],
    )  # fmt: skip
    return (path / "report.html").read_text(encoding="utf-8")


def test_the_page(tmp_path: Path) -> None:
    rows = [row(1, True, True, True), row(2, False, True, True), row(3, True, False, False), row(4, None, True, True)]
    text = written(tmp_path, found(*rows, row(5, False, False, True)), label="is_correct")
    page = Page(text)
    assert "http" not in text
    assert page.scripts == 1
    assert list(page.cards) == ["row-3", "row-2", "row-5", "row-4", "row-1"]
    assert page.cards["row-2"] == ["false-negative", "only-there"]
    kinds = {kind for card in page.cards.values() for kind in card}
    assert {link[1:] for link in page.links} == kinds | {"all"} | set(page.cards)
    for shown in ("my rewards", "rewards.yaml", "samples.jsonl", "other.yaml", "is_correct", "5 samples in 2 s"):
        assert shown in text


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    text = written(
        tmp_path,
        found(
            row(1, True, False, question=HOSTILE, answer=HOSTILE, thinking=HOSTILE, message=HOSTILE, name=HOSTILE),
            row(2, None, True, message=HOSTILE, name=HOSTILE),
        ),
        title=HOSTILE, rewards_file=HOSTILE, data_file=HOSTILE, label=HOSTILE, against=HOSTILE,
    )  # fmt: skip
    page = Page(text)
    assert page.scripts == 1 and page.handlers == []
    assert len(page.cards) == 2
    assert "alert(1)" in text and "<script>alert" not in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", text)
    assert r"\x00\x1b[31m\ud800\u202e" in text


def test_long_responses_are_cut_with_a_note(tmp_path: Path) -> None:
    text = written(tmp_path, found(row(1, True, False, answer="a" * 100_000 + "b" * 100_000)))
    assert len(text) < 60_000
    assert "[... 180,000 characters left out ...]" in text


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    text = written(tmp_path, found(row(1, True), row(2, False)))
    Page(text)
    for absent in ("<h2>Agreement", "<h2>Failures", "against other.yaml", "false positive"):
        assert absent not in text
    assert "judged right, no label" in text
    empty = written(tmp_path, found())
    assert Page(empty).scripts == 0
    assert "No sample was scored" in empty


def test_a_response_that_never_left_its_thinking(tmp_path: Path) -> None:
    text = written(tmp_path, found(row(1, False, thinking="hm " * 10, answer="")))
    assert "<details open><summary>thinking, 30 characters" in text
    assert "no answer</p>" in text


def test_the_old_report_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "report.html"
    write_atomically(path, "old")
    with pytest.raises(UnicodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
