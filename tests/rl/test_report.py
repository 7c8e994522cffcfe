"""The report. Pinned behaviour:

1. one file that loads nothing from outside and is well-formed;
2. every plot that has data, none that has not; value pretraining and held-out points beside training;
3. model text is text, never markup;
4. an unfinished or empty run folder still gives a page.
"""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rl.run.charts import Line, line_chart, nice_ticks, stacked_chart
from rl.run.curve import save_curve
from rl.run.report import write_report

VOID = {"meta", "line", "circle", "polyline", "polygon", "br"}


class Page(HTMLParser):
    """Checks nesting and collects what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.titles: list[str] = []
        self.charts: dict[str, dict[str, list[list[float]]]] = {}
        self.outside: list[str] = []
        self.scripts = 0
        self._data = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.outside += [value for name, value in attrs if name in ("src", "href") and value]
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)
        if data := given.get("data-chart"):
            self._data = data

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h3":
            lines = json.loads(self._data)["lines"]
            self.charts[data] = {line["label"]: line["points"] for line in lines}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of five steps."""
    records: list[dict[str, object]] = [
        {"step": 0, "time": 1.0, "eval/accuracy": 0.4, "eval/response_tokens_mean": 30.0}
    ]
    records += [{"step": i, "time": 1.0, "value_pretraining/critic/explained_variance": i / 4} for i in (1, 2, 3)]
    records += [
        {
            "step": i, "time": 1.0, "reward/mean": i / 5, "reward/math/mean": i / 5, "reward/overlong/mean": -0.1,
            "reward/math/timeout": 1.0 if i == 2 else 0.0, "reward/accuracy": i / 5, "policy/entropy": 0.5,
            "rollout/response_tokens_mean": 30.0 + i, "policy/clip_fraction_high": 0.01, "policy/logprob_gap": 1e-6,
            "policy/clip_fraction_low": 0.0, "critic/explained_variance": None if i == 1 else 0.6, "time/step": 4.0,
            "time/generate": 2.0, "time/update": 1.0, "time/publish": 0.0,
        }
        for i in range(1, 6)
    ]  # fmt: skip
    records.append({"step": 5, "time": 1.0, "eval/accuracy": 0.9, "eval/response_tokens_mean": 31.0})
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "config.yaml").write_text("name: demo\nnote: <b>\n")
    (tmp_path / "summary.json").write_text(
        json.dumps(
            {
                "name": "demo", "model": "tiny", "algorithm": "vapo", "seed": 1, "minutes": 6.25,
                "eval_before": {"accuracy": 0.4, "response_tokens_mean": 30.0},
                "eval_after": {"accuracy": 0.9, "response_tokens_mean": 31.0},
                "examples": [
                    {
                        "question": "1 < 2?", "ground_truth": "<yes>", "before": "<script>alert(1)</script>",
                        "after": "<seed:think>a & b</seed:think>yes", "before_correct": False, "after_correct": True,
                    }
                ],
            }
        )
    )  # fmt: skip
    return tmp_path


def test_the_page(run: Path) -> None:
    path = write_report(run)
    assert path == run / "report.html"
    text = path.read_text()
    page = Page(text)
    assert page.outside == []
    assert "http" not in text.replace("http://www.w3.org", "")
    assert page.scripts == 1
    assert html.escape("<script>alert(1)</script>") in text
    assert html.escape("<seed:think>a & b</seed:think>yes") in text
    assert "note: &lt;b&gt;" in text
    assert "unfinished" not in re.sub("<style>.*</style>", "", text, flags=re.DOTALL)
    for shown in ("model tiny", "algorithm vapo", "0.400", "0.900", "6.2"):
        assert shown in text


def test_the_plots(run: Path) -> None:
    charts = Page(write_report(run).read_text()).charts
    assert list(charts) == [
        "Reward", "Accuracy", "Response length", "Entropy", "Clip fractions", "Explained variance",
        "Value pretraining", "Logprob gap", "Time by phase", "Reward failures",
    ]  # fmt: skip
    assert charts["Accuracy"]["held out"] == [[0, 0.4], [5, 0.9]]
    assert charts["Accuracy"]["training"] == [[i, i / 5] for i in range(1, 6)]
    assert set(charts["Reward"]) == {"combined", "math", "overlong"}
    assert [step for step, _ in charts["Explained variance"]["explained variance"]] == [2, 3, 4, 5]
    assert len(charts["Value pretraining"]["explained variance"]) == 3
    assert set(charts["Time by phase"]) == {"generate", "update"}
    assert charts["Reward failures"] == {"math timeout": [[1, 0], [2, 1], [3, 0], [4, 0], [5, 0]]}


def test_a_run_without_a_critic_has_no_plot_of_one(run: Path) -> None:
    metrics = run / "metrics.jsonl"
    metrics.write_text("".join(line + "\n" for line in metrics.read_text().splitlines() if "critic" not in line))
    assert not {"Explained variance", "Value pretraining"} & set(Page(write_report(run).read_text()).charts)


def test_unfinished_and_empty_folders(run: Path, tmp_path: Path) -> None:
    (run / "summary.json").unlink()
    (run / "config.yaml").unlink()
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join(lines[:5]) + '\n{"step": 2, "rew')
    text = write_report(run).read_text()
    Page(text)
    assert "unfinished" in text
    empty = tmp_path / "empty"
    empty.mkdir()
    text = write_report(empty).read_text()
    Page(text)
    assert "No step has finished" in text


def test_charts_of_odd_values() -> None:
    assert line_chart("a", "", [Line("x", [])]) == ""
    assert stacked_chart("a", "", [Line("x", [(1, 0.0)])]) == ""
    for points in ([(1, 0.0)], [(1, 5.0), (2, 5.0)], [(1, -1e9), (2, 1e9)], [(1, 1e-12), (2, 0.0)]):
        for log in (False, True):
            text = line_chart("a", "", [Line("x", points)], log=log)
            assert "nan" not in text
            assert "inf" not in text
    assert "polygon" in stacked_chart("a", "", [Line("x", [(1, 2.0)]), Line("y", [(1, 1.0)])])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 0, [0, 0.2]),
        (3, 98, [0, 20, 40, 60, 80, 100]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_curve_is_a_picture(run: Path, tmp_path: Path) -> None:
    path = save_curve(
        {"seed 1": run / "metrics.jsonl", "seed 2": run / "metrics.jsonl"}, tmp_path / "docs" / "curve.png"
    )
    assert path.read_bytes().startswith(b"\x89PNG")
