"""The frame of every page that Ponder writes: one HTML file that loads nothing from outside, light or dark."""

from __future__ import annotations

from html import escape

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
.tile,.card,figure,details{background:var(--card);border:1px solid var(--edge);border-radius:12px}
.tile{padding:14px 18px}
.tile b{display:block;font-size:24px;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile b small{font-size:15px;font-weight:500;color:var(--soft)}
.tile span{color:var(--soft);font-size:13px}
.right{color:var(--good)}.wrong{color:var(--bad)}
pre{margin:0;padding:10px 12px;background:var(--page);border-radius:8px;
font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;
white-space:pre-wrap;overflow-wrap:anywhere;max-height:360px;overflow:auto}
details{padding:12px 18px;margin-top:40px}
summary{cursor:pointer;font-weight:600}
details pre{margin-top:12px;max-height:none}
footer{margin-top:24px;color:var(--soft);font-size:12.5px}
"""


def page(title: str, body: str, *, script: str = "", style: str = "") -> str:
    """A whole HTML document.

    Args:
        title: plain text.
        body: HTML.
        script: JavaScript that runs when the body is there.
        style: CSS rules of this page, besides those of every page.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>"
        f"<body><main>{body}</main>{f'<script>{script}</script>' if script else ''}</body></html>"
    )
