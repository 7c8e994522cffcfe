"""What a run's report adds to the frame of a page: the charts' style and the script of their tooltips."""

from __future__ import annotations

import json
from collections.abc import Mapping

STYLE = """
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,460px),1fr));gap:14px}
figure{margin:0;padding:16px 18px 8px}
figcaption{display:grid;grid-template-columns:auto 1fr;column-gap:12px;min-height:44px}
figcaption p{grid-column:1/3;grid-row:2;margin:0;color:var(--soft);font-size:12.5px}
.legend{display:flex;flex-wrap:wrap;justify-content:flex-end;gap:2px 12px;font-size:12px;color:var(--soft)}
.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:5px}
.plot{position:relative}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-size:11px;fill:var(--soft);font-variant-numeric:tabular-nums}
.grid{stroke:var(--grid)}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.area{opacity:.82;stroke:var(--card);stroke-width:1}
.cursor{stroke:var(--soft);stroke-dasharray:3 3;visibility:hidden}
.tip{position:absolute;top:4px;pointer-events:none;background:var(--ink);color:var(--page);border-radius:8px;
padding:6px 10px;font-size:12px;white-space:nowrap;font-variant-numeric:tabular-nums;z-index:1}
.answer{padding:16px 18px;margin-bottom:14px}
.answer>p{margin:0 0 10px;white-space:pre-wrap;overflow-wrap:anywhere}
.answer>p span{color:var(--soft)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:14px}
.budgets{border-collapse:collapse;margin-bottom:14px;font-variant-numeric:tabular-nums}
.budgets th,.budgets td{padding:4px 14px 4px 0;text-align:right}
.budgets th:first-child,.budgets td:first-child{text-align:left}
.pair h4{margin:0 0 4px;font-size:12.5px;color:var(--soft);font-weight:600}
"""

_TOOLTIPS = """
for (const figure of document.querySelectorAll("[data-chart]")) {
  const {by, low, high, lines} = JSON.parse(figure.dataset.chart), svg = figure.querySelector("svg");
  const tip = figure.querySelector(".tip"), cursor = figure.querySelector(".cursor");
  const steps = [...new Set(lines.flatMap(line => line.points.map(p => p[0])))].sort((a, b) => a - b);
  const {left, span, width} = plot;
  svg.addEventListener("mousemove", event => {
    const box = svg.getBoundingClientRect();
    const at = low + ((event.clientX - box.left) * width / box.width - left) / span * (high - low);
    const step = steps.reduce((a, b) => Math.abs(b - at) < Math.abs(a - at) ? b : a);
    const x = left + (step - low) / (high - low) * span;
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); cursor.style.visibility = "visible";
    tip.replaceChildren(by + " " + step, ...lines.flatMap(line => {
      const point = line.points.find(p => p[0] === step);
      return point ? [document.createElement("br"), line.label + " " + point[1].toPrecision(4) * 1] : [];
    }));
    tip.hidden = false;
    const place = x / width * box.width;
    tip.style.left = (place + tip.offsetWidth + 16 > box.width ? place - tip.offsetWidth - 10 : place + 10) + "px";
  });
  svg.addEventListener("mouseleave", () => { tip.hidden = true; cursor.style.visibility = "hidden"; });
}
"""


def tooltips(plot: Mapping[str, int]) -> str:
    """The script that shows a chart's numbers under the mouse.

    Args:
        plot: `left`, `span` and `width` of the charts in their own units.
    """
    return f"const plot = {json.dumps(dict(plot))};{_TOOLTIPS}"
