"""Charts as inline SVG: lines, and areas stacked on each other. Colours come from the page's CSS (`--s1`, `--s2`, ...).

Each chart carries its numbers in a `data-chart` attribute, from which the page's script draws the tooltip.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rl.run.tracking import Series

_WIDTH, _HEIGHT = 520, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 28
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_COLOURS = 6
PLOT = {"left": _LEFT, "span": _PLOT_WIDTH, "width": _WIDTH}
"""Where the plot lies in the picture, for the page's script."""


@dataclass(frozen=True, slots=True)
class Line:
    """One metric over steps."""

    label: str
    points: Series
    dots: bool = False
    """Mark each point: for values that are measured now and then."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps values to a range of pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """The pixel of a value."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(max(value, low)), math.log10(low), math.log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def line_chart(
    title: str,
    note: str,
    lines: Sequence[Line],
    *,
    y_range: tuple[float, float] | None = None,
    log: bool = False,
    by: str = "step",
) -> str:
    """A chart of one or more metrics, or "" when none has a value.

    Args:
        note: what the metric means, for a reader who does not know it.
        y_range: limits that must be inside the axis, e.g. (0, 1) for a share.
        log: logarithmic axis; values that are not positive sit on its lower edge.
        by: what stands on the horizontal axis.
    """
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    x = _steps_axis([step for line in lines for step, _ in line.points])
    values = [value for line in lines for _, value in line.points]
    y, ticks = _log_axis(values) if log else _linear_axis([*values, *(y_range or ())])
    marks = []
    for number, line in enumerate(lines):
        places = [(x.place(step), y.place(value)) for step, value in line.points]
        colour = f"var(--s{number % _COLOURS + 1})"
        marks.append(f'<polyline class="line" style="stroke:{colour}" points="{_points(places)}"/>')
        if line.dots or len(places) == 1:
            marks += [f'<circle style="fill:{colour}" cx="{px:.1f}" cy="{py:.1f}" r="3.5"/>' for px, py in places]
    return _figure(title, note, lines, [*_grid(x, y, ticks), *marks], x, by)


def stacked_chart(title: str, note: str, lines: Sequence[Line]) -> str:
    """Metrics that add up, as areas on each other, or "" when there are none. A missing value counts 0."""
    lines = [line for line in lines if any(value for _, value in line.points)]
    if not lines:
        return ""
    steps = sorted({step for line in lines for step, _ in line.points})
    found = [dict(line.points) for line in lines]
    columns = [list(accumulate((values.get(step, 0.0) for values in found), initial=0.0)) for step in steps]
    x = _steps_axis(steps)
    y, ticks = _linear_axis([0.0, *(column[-1] for column in columns)])
    marks = []
    for number in range(len(lines)):
        edge = [(x.place(step), y.place(column[number + 1])) for step, column in zip(steps, columns, strict=True)]
        base = [(x.place(step), y.place(column[number])) for step, column in zip(steps, columns, strict=True)]
        if len(steps) == 1:  # one step has no width: draw a bar
            edge = [(edge[0][0] - 20, edge[0][1]), (edge[0][0] + 20, edge[0][1])]
            base = [(base[0][0] - 20, base[0][1]), (base[0][0] + 20, base[0][1])]
        colour = f"var(--s{number % _COLOURS + 1})"
        marks.append(f'<polygon class="area" style="fill:{colour}" points="{_points([*edge, *reversed(base)])}"/>')
    return _figure(title, note, lines, [*_grid(x, y, ticks), *marks], x)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers that cover [low, high]."""
    span = (high - low) or abs(high) or 1.0
    magnitude = 10.0 ** math.floor(math.log10(span / count))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if span / (m * magnitude) <= count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def _linear_axis(values: Sequence[float]) -> tuple[_Axis, list[float]]:
    ticks = nice_ticks(min(values), max(values))
    return _Axis(ticks[0], ticks[-1], _TOP + _PLOT_HEIGHT, _TOP), ticks


def _log_axis(values: Sequence[float]) -> tuple[_Axis, list[float]]:
    positive = [value for value in values if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    high = max(high, low + 1)
    stride = max(1, (high - low) // 5)
    return (
        _Axis(10.0**low, 10.0**high, _TOP + _PLOT_HEIGHT, _TOP, log=True),
        [10.0**power for power in range(low, high + 1, stride)],
    )


def _steps_axis(steps: Sequence[int]) -> _Axis:
    low, high = min(steps), max(steps)
    if low == high:
        low, high = low - 1, high + 1
    return _Axis(low, high, _LEFT, _LEFT + _PLOT_WIDTH)


def _grid(x: _Axis, y: _Axis, ticks: Sequence[float]) -> list[str]:
    parts = []
    for tick in ticks:
        at = y.place(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + _PLOT_WIDTH}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 3.5:.1f}" text-anchor="end">{_number(tick)}</text>')
    steps = [tick for tick in nice_ticks(x.low, x.high, 6) if x.low <= tick <= x.high and tick == int(tick)]
    parts += [f'<text x="{x.place(s):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{int(s)}</text>' for s in steps]
    return parts


def _figure(title: str, note: str, lines: Sequence[Line], marks: Sequence[str], x: _Axis, by: str = "step") -> str:
    data = {
        "by": by,
        "low": x.low,
        "high": x.high,
        "lines": [{"label": line.label, "points": [[s, float(f"{v:.6g}")] for s, v in line.points]} for line in lines],
    }
    told = len(lines) == 1 and lines[0].label in title.lower()
    legend = (
        ""
        if told
        else "".join(
            f'<span><i style="background:var(--s{number % _COLOURS + 1})"></i>{html.escape(line.label)}</span>'
            for number, line in enumerate(lines)
        )
    )
    return (
        f'<figure data-chart="{html.escape(json.dumps(data))}">'
        f"<figcaption><h3>{html.escape(title)}</h3><p>{html.escape(note)}</p>"
        f'<div class="legend">{legend}</div></figcaption>'
        f'<div class="plot"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)} by {by}">'
        f'{"".join(marks)}<line class="cursor" y1="{_TOP}" y2="{_TOP + _PLOT_HEIGHT}"/></svg>'
        '<div class="tip" hidden></div></div></figure>'
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in places)


def _number(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.0e}".replace("e-0", "e-") if abs(value) < 1e-3 else f"{float(f'{value:.6g}'):g}"
