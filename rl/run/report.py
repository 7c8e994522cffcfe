"""The report of a run: one HTML file with the outcome, the plots, answers before and after, and the configuration.

Made from what lies in the run folder; what is missing (an unfinished run) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from rewards.atomic import write_atomically
from rewards.page import page
from rl.run.budget_report import budget_section
from rl.run.charts import PLOT, Line, line_chart, stacked_chart
from rl.run.folder import RunFolder
from rl.run.report_page import STYLE, tooltips
from rl.run.tracking import PRETRAINING, read_metrics, series

PHASES = ("generate", "score", "estimate", "update", "publish", "checkpoint", "evaluate")
"""Parts of a step in the order they happen; `time/<phase>` in seconds."""
_FAILURES = ("timeout", "crash", "error")
_SHARE = (0.0, 1.0)

Records = Sequence[Mapping[str, Any]]


def write_report(run_folder: Path) -> Path:
    """Write `report.html` into a run folder.

    Returns:
        Its path.
    """
    folder = RunFolder(run_folder)
    records = read_metrics(folder.metrics) if folder.metrics.exists() else []
    summary = folder.read_summary()
    config = folder.config.read_text() if folder.config.exists() else ""
    name = str(summary.get("name", run_folder.name))
    body = "".join(
        (
            _header(escape(name), summary, records),
            f'<h2>Plots</h2><div class="charts">{_plots(records)}</div>' if records else "<p>No step has finished.</p>",
            budget_section(summary.get("eval_before"), summary.get("eval_after"), records),
            _answers(summary.get("examples", [])),
            f"<details><summary>Configuration</summary><pre>{escape(config)}</pre></details>" if config else "",
            f"<footer>{escape(str(run_folder))}, written {datetime.now():%Y-%m-%d %H:%M}</footer>",
        )
    )
    path = run_folder / "report.html"
    write_atomically(path, page(f"{name}: report", body, script=tooltips(PLOT), style=STYLE))
    return path


def _header(name: str, summary: Mapping[str, Any], records: Records) -> str:
    before, after = summary.get("eval_before"), summary.get("eval_after")
    lead = [
        f"{label} {escape(str(summary[key]))}"
        for key, label in (("model", "model"), ("algorithm", "algorithm"), ("seed", "seed"))
        if key in summary
    ]
    steps = max((step for step, _ in series(records, "time/step")), default=0)
    tiles = [
        _change("held-out accuracy", before, after, "accuracy", ".3f"),
        _change("mean held-out response, tokens", before, after, "response_tokens_mean", ".1f"),
        _tile(f"{steps:,}", "steps"),
        _tile(f"{summary['minutes']:.1f} <small>min</small>", "wall time") if "minutes" in summary else "",
    ]
    badge = "" if after else '<span class="badge">unfinished</span>'
    return f'<h1>{name}{badge}</h1><p class="lead">{" · ".join(lead)}</p><div class="tiles">{"".join(tiles)}</div>'


def _tile(value: str, label: str) -> str:
    return f'<div class="tile"><b>{value}</b><span>{escape(label)}</span></div>'


def _change(label: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, key: str, form: str) -> str:
    values = [f"{measured[key]:{form}}" for measured in (before, after) if measured and key in measured]
    if not values:
        return ""
    return _tile(values[0] if len(values) == 1 else f"<small>{values[0]} →</small> {values[1]}", label)


def _plots(records: Records) -> str:
    def line(name: str, label: str, *, dots: bool = False) -> Line:
        return Line(label, series(records, name), dots=dots)

    names = sorted({name for record in records for name in record})
    parts = [name.split("/")[1] for name in names if name.startswith("reward/") and name.endswith("/mean")]
    reward = [line("reward/mean", "combined")]
    if len(parts) > 1:
        reward += [line(f"reward/{part}/mean", part) for part in parts]
    failures = [line(f"reward/{part}/{kind}", f"{part} {kind}") for part in parts for kind in _FAILURES]
    failures = [one for one in failures if any(value for _, value in one.points)]
    charts = [
        line_chart("Reward", "Mean over the samples of a step", reward),
        line_chart(
            "Accuracy",
            "Share of right answers",
            [line("reward/accuracy", "training"), line("eval/accuracy", "held out", dots=True)],
            y_range=_SHARE,
        ),
        line_chart(
            "Response length",
            "Mean tokens of a response",
            [
                line("rollout/response_tokens_mean", "training"),
                line("eval/response_tokens_mean", "held out", dots=True),
            ],
        ),
        line_chart("Entropy", "Of the policy, nats a token", [line("policy/entropy", "entropy")], y_range=(0, 0)),
        line_chart(
            "Clip fractions",
            "Share of tokens whose ratio hit the upper or lower clip",
            [line("policy/clip_fraction_high", "high"), line("policy/clip_fraction_low", "low")],
            y_range=(0, 0),
        ),
        line_chart(
            "Explained variance",
            "Of the returns by the critic; 1 is perfect, 0 is as good as a constant",
            [line("critic/explained_variance", "explained variance")],
            y_range=_SHARE,
        ),
        line_chart(
            "Value pretraining",
            "Explained variance while the critic learns and the policy stands still",
            [line(f"{PRETRAINING}critic/explained_variance", "explained variance")],
            y_range=_SHARE,
        ),
        line_chart(
            "Logprob gap",
            "Between learner and rollout engine on the same tokens, nats",
            [line("policy/logprob_gap", "gap")],
            log=True,
        ),
        stacked_chart("Time by phase", "Seconds of a step", [line(f"time/{phase}", phase) for phase in PHASES]),
        line_chart("Generation speed", "Tokens a second", [line("rollout/tokens_per_second", "speed")], y_range=(0, 0)),
        line_chart(
            "Gradient norm",
            "Before clipping",
            [line("policy/gradient_norm", "policy"), line("critic/gradient_norm", "critic")],
            y_range=(0, 0),
        ),
        line_chart(
            "Groups without signal",
            "Share of generated groups that are all right or all wrong",
            [line("batch/groups_all_right", "all right"), line("batch/groups_all_wrong", "all wrong")],
            y_range=_SHARE,
        ),
        line_chart("Reward failures", "Calls that gave no value", failures, y_range=(0, 0)),
    ]
    return "".join(charts)


def _answers(examples: Sequence[Mapping[str, Any]]) -> str:
    if not examples:
        return ""
    cards = []
    for example in examples:
        answers = "".join(
            f"<div><h4>{when} training{_mark(example.get(f'{when}_correct'))}</h4>"
            f"<pre>{escape(str(example[when]))}</pre></div>"
            for when in ("before", "after")
            if when in example
        )
        cards.append(
            f'<div class="answer card"><p>{escape(str(example["question"]))} '
            f'<span>answer: {escape(str(example["ground_truth"]))}</span></p><div class="pair">{answers}</div></div>'
        )
    return f"<h2>Answers to held-out prompts</h2>{''.join(cards)}"


def _mark(correct: bool | None) -> str:
    if correct is None:
        return ""
    return ', <span class="right">right</span>' if correct else ', <span class="wrong">wrong</span>'
