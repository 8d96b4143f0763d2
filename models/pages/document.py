"""One HTML file that needs nothing from outside and no script, readable by day, by night and on a phone."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #5c6873; --back: #ffffff; --grid: #d9dee3; --panel: #f4f6f8;
  --ours: #1668a8; --naive: #c2701c; --other: #7d8894; --good: #1b7f4d; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --soft: #9aa5b1; --back: #14181c; --grid: #3a434c; --panel: #1e242a;
    --ours: #5aa9e6; --naive: #e59a4c; --other: #8996a3; --good: #58c08d; }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 0 auto;
  max-width: 64rem; padding: 2rem 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .6rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
a { color: var(--ours); }
.said { background: var(--panel); border-left: 4px solid var(--ours); padding: .8rem 1rem; }
.soft { color: var(--soft); font-size: .9rem; }
div.wide { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .94rem; }
th, td { border-bottom: 1px solid var(--grid); padding: .3rem .6rem; text-align: right; vertical-align: top; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
table.figures td { white-space: nowrap; }
th:first-child, td:first-child, table.words th, table.words td { text-align: left; }
th:first-child, td:first-child { padding-left: 0; }
td.best { font-weight: 700; color: var(--good); }
tr.ours td:first-child { font-weight: 700; color: var(--ours); }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--ours); }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .9rem; }
div.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1.2rem 2rem; }
svg { max-width: 100%; height: auto; stroke-linejoin: round; }
@media (max-width: 40rem) {
  table.figures td:first-child { white-space: normal; min-width: 6rem; }
  svg.broad { max-width: none; width: 42rem; }
  body { padding-top: 1rem; }
}
pre { background: var(--panel); padding: .6rem .8rem; font-size: .88rem; margin: .4rem 0; white-space: pre-wrap;
  overflow-wrap: anywhere; }
"""


def document(title: str, parts: Iterable[str], style: str = "") -> str:
    """The whole page of parts that are HTML already; `title` is text."""
    head = (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style>"
    )
    body = "\n".join(parts)
    return f"<!doctype html>\n<html lang='en'><head>{head}</head><body>\n{body}\n</body></html>\n"
