"""Accuracy by thinking budget, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from rl.budget.config import level_name
from rl.budget.levels import at_level, levels_in

_TITLES = ("budget", "accuracy", "95%", "thinking tokens", "compliance", "truncated")


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one level."""

    level: str
    samples: int
    accuracy: float
    thinking_tokens: float | None
    """None where nobody says how many there were."""
    compliance: float | None
    """None where the responses' token ids are not known."""
    truncated: float

    @property
    def ci95(self) -> float:
        """Half the width of the 95% interval of the accuracy, as if every sample were drawn by itself."""
        return 1.96 * sqrt(self.accuracy * (1 - self.accuracy) / self.samples)


def points_of(metrics: Mapping[str, float], samples: int) -> list[Point]:
    """Points from metrics `budget/...` over `samples` samples."""
    found = []
    for level in levels_in(metrics):
        figures = at_level(metrics, level)
        count = round(metrics[f"budget/{level}/share"] * samples)
        found.append(Point(level, count, **figures))
    return found


def table(points: Sequence[Point]) -> list[str]:
    """Lines of a table."""
    rows = [_TITLES, *map(_row, points)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_TITLES))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _row(point: Point) -> tuple[str, ...]:
    def said(value: float | None, form: str) -> str:
        return "-" if value is None else f"{value:{form}}"

    return (
        point.level,
        f"{point.accuracy:.3f}",
        f"+-{point.ci95:.3f}",
        said(point.thinking_tokens, ".1f"),
        said(point.compliance, ".3f"),
        f"{point.truncated:.1%}",
    )


def draw(points: Sequence[Point], name: str, file: Path) -> Path:
    """Draw accuracy, and where it is known the thinking, by budget; unlimited thinking is a dashed line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    limited = [point for point in points if point.level != level_name(None)]
    free = next((point for point in points if point.level == level_name(None)), None)
    budgets = [int(point.level) for point in limited]
    accuracy, thinking = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    accuracy.errorbar(
        budgets, [p.accuracy for p in limited], [p.ci95 for p in limited], fmt="o-", color="#2563d9", label=name
    )
    accuracy.set_ylim(0, 1)
    known = [(int(p.level), p.thinking_tokens) for p in limited if p.thinking_tokens is not None]
    thinking.plot([b for b, _ in known], [t for _, t in known], "o-", color="#2563d9")
    thinking.plot(budgets, budgets, ":", color="#7a828f", label="the budget")
    for axes, title, value in (
        (accuracy, "Accuracy", None if free is None else free.accuracy),
        (thinking, "Thinking tokens", None if free is None else free.thinking_tokens),
    ):
        if value is not None:
            axes.axhline(value, linestyle="--", color="#d9730d", linewidth=1.2, label="unlimited")
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.set_xlabel("thinking budget, tokens", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(axis="y", color="#e3e6eb")
        axes.legend(frameon=False, fontsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    return file
