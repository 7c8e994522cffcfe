"""The part of a run's report about thinking budgets: accuracy and thinking by budget, before and after, and on the way.

Unlimited thinking has no place on an axis of budgets: it stands in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rl.budget.config import level_name
from rl.budget.levels import at_level, levels_in
from rl.run.charts import Line, line_chart
from rl.run.tracking import series

Measured = Mapping[str, Any] | None
"""An evaluation in `summary.json`."""

_SHARE = (0.0, 1.0)
_PARTS = ("form", "within", "claims", "arithmetic", "cadence", "closing", "direct")
_COLUMNS = (("accuracy", "accuracy", ".3f"), ("thinking_tokens", "thinking tokens", ".1f"),
            ("compliance", "compliance", ".3f"), ("truncated", "truncated", ".3f"))  # fmt: skip


def budget_section(before: Measured, after: Measured, records: Sequence[Mapping[str, Any]]) -> str:
    """HTML; "" for a run without budgets."""
    measured = {
        when: one["budget"] for when, one in (("before", before), ("after", after)) if one and one.get("budget")
    }
    charts = [*_by_budget(measured), *_by_step(records)]
    if not any(charts):
        return ""
    return f'<h2>Thinking budgets</h2>{_table(measured)}<div class="charts">{"".join(charts)}</div>'


def _by_budget(measured: Mapping[str, Mapping[str, float]]) -> list[str]:
    def lines(figure: str) -> list[Line]:
        return [
            Line(f"{when} training", [(int(level), at_level(one, level)[figure]) for level in _limited(one)], dots=True)
            for when, one in measured.items()
        ]

    given = [(int(level), float(level)) for one in list(measured.values())[:1] for level in _limited(one)]
    used = [*lines("thinking_tokens"), *([Line("the budget", given)] if given else [])]
    return [
        line_chart("Accuracy by budget", "Held-out prompts", lines("accuracy"), y_range=_SHARE, by="budget"),
        line_chart("Thinking by budget", "Mean thinking tokens of held-out prompts", used, y_range=(0, 0), by="budget"),
    ]


def _limited(metrics: Mapping[str, float]) -> list[str]:
    return [level for level in levels_in(metrics) if level != level_name(None)]


def _by_step(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """What training says of budgets, step by step; held-out values where there are some."""

    def line(name: str, label: str, *, dots: bool = False) -> Line:
        return Line(label, series(records, name), dots=dots)

    last: Mapping[str, float] = next((one for one in reversed(records) if "budget/compliance" in one), {})
    levels = levels_in(last)
    return [
        line_chart(
            "Compliance",
            "Share of responses that keep to every part of the protocol",
            [line("budget/compliance", "training"), line("eval/budget/compliance", "held out", dots=True)],
            y_range=_SHARE,
        ),
        line_chart(
            "Parts of compliance",
            "Means of the parts of the reward thinking_budget",
            [line(f"budget/{part}", part) for part in _PARTS],
            y_range=_SHARE,
        ),
        line_chart(
            "Thinking tokens by budget",
            "Means in training",
            [line(f"budget/{level}/thinking_tokens", level) for level in levels],
            y_range=(0, 0),
        ),
        line_chart(
            "Accuracy by budget in training",
            "Share of right answers",
            [line(f"budget/{level}/accuracy", level) for level in levels],
            y_range=_SHARE,
        ),
        line_chart(
            "Do budgets count?",
            "Correlation of budget and thinking tokens: 0 where every budget is thought alike",
            [line("budget/correlation", "training"), line("eval/budget/correlation", "held out", dots=True)],
            y_range=_SHARE,
        ),
        line_chart(
            "Are claims true?",
            "Share of claimed numbers of used tokens within a sixteenth of the interval",
            [line("budget/claims_true", "training"), line("eval/budget/claims_true", "held out", dots=True)],
            y_range=_SHARE,
        ),
    ]


def _table(measured: Mapping[str, Mapping[str, float]]) -> str:
    if not measured:
        return ""
    levels = levels_in(next(iter(measured.values())))
    head = "".join(f"<th>{escape(label)}</th>" for _, label, _ in _COLUMNS)
    rows = "".join(
        f"<tr><td>{escape(level)}</td>"
        + "".join(f"<td>{_change(measured, level, name, form)}</td>" for name, _, form in _COLUMNS)
        + "</tr>"
        for level in levels
    )
    return f'<table class="budgets"><tr><th>budget</th>{head}</tr>{rows}</table>'


def _change(measured: Mapping[str, Mapping[str, float]], level: str, name: str, form: str) -> str:
    found = [at_level(one, level).get(name) for one in measured.values()]
    return " → ".join(f"{value:{form}}" for value in found if value is not None)
