"""The frame of the report page: style sheet, and the script of the charts' tooltips. Nothing is loaded from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#16181d;--soft:#5b616e;--edge:#e3e6eb;--grid:#eceef2;
--good:#157f4a;--bad:#b42318;--s1:#2563d9;--s2:#d9730d;--s3:#0d9488;--s4:#b83280;--s5:#7c5cd6;--s6:#7a828f}
@media(prefers-color-scheme:dark){:root{--page:#101216;--card:#191c22;--ink:#eceef2;--soft:#9aa2b1;--edge:#2a2e37;
--grid:#262a32;--good:#4ac383;--bad:#ff7b70;--s1:#6ea0ff;--s2:#f0974a;--s3:#3fc1b3;--s4:#e77bb8;--s5:#a78bfa;--s6:#8f97a6}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:40px 24px 64px}
h1{margin:0;font-size:28px;letter-spacing:-.02em}
h2{margin:40px 0 14px;font-size:18px}
h3{margin:0;font-size:14px}
.lead{margin:4px 0 24px;color:var(--soft)}
.badge{margin-left:10px;padding:2px 10px;border-radius:99px;background:var(--s2);color:#fff;font-size:12px;
font-weight:600;vertical-align:middle}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:14px}
.tile,figure,.answer,details{background:var(--card);border:1px solid var(--edge);border-radius:12px}
.tile{padding:14px 18px}
.tile b{display:block;font-size:24px;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile b small{font-size:15px;font-weight:500;color:var(--soft)}
.tile span{color:var(--soft);font-size:13px}
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
.pair h4{margin:0 0 4px;font-size:12.5px;color:var(--soft);font-weight:600}
.right{color:var(--good)}.wrong{color:var(--bad)}
pre{margin:0;padding:10px 12px;background:var(--page);border-radius:8px;
font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;
white-space:pre-wrap;overflow-wrap:anywhere;max-height:360px;overflow:auto}
details{padding:12px 18px;margin-top:40px}
summary{cursor:pointer;font-weight:600}
details pre{margin-top:12px;max-height:none}
footer{margin-top:24px;color:var(--soft);font-size:12.5px}
"""

SCRIPT = """
for (const figure of document.querySelectorAll("[data-chart]")) {
  const {low, high, lines} = JSON.parse(figure.dataset.chart), svg = figure.querySelector("svg");
  const tip = figure.querySelector(".tip"), cursor = figure.querySelector(".cursor");
  const steps = [...new Set(lines.flatMap(line => line.points.map(p => p[0])))].sort((a, b) => a - b);
  const {left, span, width} = plot;
  svg.addEventListener("mousemove", event => {
    const box = svg.getBoundingClientRect();
    const at = low + ((event.clientX - box.left) * width / box.width - left) / span * (high - low);
    const step = steps.reduce((a, b) => Math.abs(b - at) < Math.abs(a - at) ? b : a);
    const x = left + (step - low) / (high - low) * span;
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); cursor.style.visibility = "visible";
    tip.replaceChildren("step " + step, ...lines.flatMap(line => {
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


def page(title: str, body: str, *, plot: Mapping[str, int]) -> str:
    """A whole HTML document.

    Args:
        title: as HTML.
        body: as HTML.
        plot: `left`, `span` and `width` of the charts in their own units.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main><script>const plot = {json.dumps(dict(plot))};{SCRIPT}</script></body></html>"
    )
