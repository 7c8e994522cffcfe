"""What the report of an offline scoring adds to the frame of a page: its style, and the script that filters rows.

The address's hash says what is shown: `#false-positive` (a `Kind`), `#all`, `#row-17`. Without a script all is shown.
"""

STYLE = """
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:7px 9px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--edge)}
th{color:var(--soft);font-size:12.5px;font-weight:600}
th:first-child,td:first-child{text-align:left;padding-left:18px}
th:last-child,td:last-child{padding-right:18px}
tr:last-child td{border-bottom:0}
td.none{color:var(--soft);opacity:.6}
.note{margin:8px 0 0;color:var(--soft);font-size:12.5px}
.side{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:14px}
.part{padding:16px 18px}
.part>p{margin:2px 0 12px;color:var(--soft);font-size:12.5px}
figure{margin:0;padding:16px 18px}
figcaption{margin-bottom:10px;font-weight:600;font-size:14px;overflow-wrap:anywhere}
figcaption span{color:var(--soft);font-weight:400;font-size:12.5px}
.bars{display:grid;grid-template-columns:auto 1fr auto;gap:4px 10px;align-items:center;font-size:12.5px;
font-variant-numeric:tabular-nums}
.bars span{text-align:right;color:var(--soft);white-space:nowrap}
.bars i{display:block;height:14px;border-radius:0 4px 4px 0;background:var(--s1)}
.table2 th{padding:7px 4px;text-align:center}
.table2 td{padding:0;text-align:center}
.table2 td:first-child{padding:7px 12px 7px 0;text-align:left;color:var(--soft);font-size:12.5px;font-weight:600}
.table2 th:last-child{padding-right:0}
.table2 a{display:block;padding:10px 12px;color:inherit;text-decoration:none;border-radius:8px}
.table2 a:hover,.chips a:hover{background:var(--page)}
.table2 b{display:block;font-size:20px}
.table2 small{color:var(--soft)}
.measures{display:flex;flex-wrap:wrap;gap:4px 18px;margin-top:12px;font-size:13px;color:var(--soft)}
.measures b{color:var(--ink);font-variant-numeric:tabular-nums}
.bad{color:var(--bad)}.odd{color:var(--s2)}
.failure{margin:0 0 10px}
.tools{position:sticky;top:0;z-index:2;margin:0 -10px 14px;padding:10px;background:var(--page);
border-bottom:1px solid var(--edge)}
.chips{display:flex;flex-wrap:wrap;gap:6px;margin-bottom:8px}
.chips a{padding:3px 12px;border:1px solid var(--edge);border-radius:99px;background:var(--card);color:var(--ink);
font-size:13px;text-decoration:none}
.chips a small{color:var(--soft)}
.chips a[aria-current=true]{background:var(--ink);color:var(--page);border-color:var(--ink)}
.chips a[aria-current=true] small{color:inherit;opacity:.7}
.find{display:flex;flex-wrap:wrap;gap:8px 14px;align-items:center;font-size:13px;color:var(--soft)}
.find input{flex:1 1 220px;min-width:0;padding:7px 12px;border:1px solid var(--edge);border-radius:8px;
background:var(--card);color:var(--ink);font:inherit}
.find button{padding:5px 10px;border:1px solid var(--edge);border-radius:8px;background:var(--card);color:var(--ink);
font:inherit;cursor:pointer}
kbd{padding:1px 5px;border:1px solid var(--edge);border-radius:4px;font:11.5px ui-monospace,Menlo,Consolas,monospace}
.keys{white-space:nowrap}
.case{content-visibility:auto;contain-intrinsic-size:auto 420px;
padding:14px 18px 16px;margin-bottom:14px;scroll-margin-top:calc(var(--tools,0px) + 10px)}
#rows{scroll-margin-top:16px}
.case[hidden]{display:none}
.case.here{border-color:var(--s1);box-shadow:0 0 0 1px var(--s1)}
.case header{display:flex;flex-wrap:wrap;gap:2px 14px;align-items:baseline;margin-bottom:10px;font-size:13px}
.case header a{color:var(--ink);font-weight:600;text-decoration:none}
.case header span{color:var(--soft)}
.case header .bad{color:var(--bad)}.case header .odd{color:var(--s2)}
.texts{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr);gap:14px}
h4{margin:0 0 4px;font-size:12.5px;color:var(--soft);font-weight:600}
.texts pre+h4{margin-top:10px}
.case pre{unicode-bidi:isolate}
.case details{margin:0 0 8px;padding:6px 12px;background:none;border-radius:8px}
.case summary{font-size:12.5px;color:var(--soft)}
.case details pre{max-height:360px;margin-top:8px}
.case table{margin-top:10px;font-size:13px}
.case th,.case td{padding:4px 10px;text-align:left;vertical-align:top}
.case th:first-child,.case td:first-child{padding-left:0}
.case .message{width:100%;white-space:pre-wrap;overflow-wrap:anywhere;min-width:140px;color:var(--soft)}
.from{color:var(--soft);font-weight:400}
@media(max-width:760px){main{padding:24px 14px 48px}.texts{grid-template-columns:minmax(0,1fr)}.keys{display:none}
.tools{position:static}
.case{scroll-margin-top:10px}.tiles{grid-template-columns:1fr 1fr}.find input{flex-basis:100%}}
@media print{.tools{display:none}}
"""

SCRIPT = """
const cases = [...document.querySelectorAll(".case")], chips = [...document.querySelectorAll(".chips a")];
const search = document.querySelector("#search"), place = document.querySelector("#place");
let shown = cases, at = 0;

function select(index, scroll) {
  shown[at]?.classList.remove("here");
  at = Math.max(0, Math.min(index, shown.length - 1));
  place.textContent = shown.length ? `${at + 1} of ${shown.length}` : "none";
  if (!shown.length) return;
  shown[at].classList.add("here");
  if (scroll) show(shown[at]);
}

function show(one) {  // below the tools, which stay in sight and may take several lines
  document.body.style.setProperty("--tools", document.querySelector(".tools").offsetHeight + "px");
  one.scrollIntoView({block: "start"});
}

function filter(scroll) {
  const hash = location.hash.slice(1), row = hash.startsWith("row-") ? document.getElementById(hash) : null;
  const known = chips.some(chip => chip.hash.slice(1) === hash);
  const kind = row ? "all" : known ? hash : chips[0].hash.slice(1);
  const words = search.value.trim().toLowerCase(), current = scroll ? row : shown[at];
  shown[at]?.classList.remove("here");
  shown = cases.filter(one => one === row || ((kind === "all" || one.dataset.kinds.split(" ").includes(kind))
    && (!words || one.textContent.toLowerCase().includes(words))));
  const kept = new Set(shown);
  for (const one of cases) one.hidden = !kept.has(one);
  for (const chip of chips) chip.setAttribute("aria-current", chip.hash.slice(1) === kind);
  select(shown.indexOf(current), false);
  if (scroll && row) show(row);
  else if (scroll && (known || hash === "rows")) document.querySelector("#rows").scrollIntoView();
}

if (cases.length) {
  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => filter(false), 150); });
  document.querySelector("#before").addEventListener("click", () => select(at - 1, true));
  document.querySelector("#after").addEventListener("click", () => select(at + 1, true));
  addEventListener("hashchange", () => filter(true));
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === search) { if (event.key === "Escape") search.blur(); return; }
    if (event.key === "j") select(at + 1, true);
    else if (event.key === "k") select(at - 1, true);
    else if (event.key === "t") {
      const parts = shown[at]?.querySelectorAll("details") ?? [];
      const open = ![...parts].some(part => part.open);
      for (const part of parts) part.open = open;
    } else if (event.key === "/") search.focus();
    else return;
    event.preventDefault();
  });
  filter(true);
}
"""
