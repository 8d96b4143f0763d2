"""The page put together."""

from __future__ import annotations

from html import escape

from models.evaluation.excerpt import Excerpt
from models.evaluation.page import tables
from models.evaluation.page.account import OURS, Account, figures
from models.evaluation.page.calibration import coverage_by_horizon, reliability
from models.evaluation.page.errors import error_by_fold, error_by_horizon
from models.evaluation.page.headline import percent, scope, sentences, title
from models.evaluation.page.series import excerpt
from models.pages.document import document

STYLE = """
.keys { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.keys div { background: var(--panel); padding: .7rem .9rem; border-radius: .3rem; }
.keys b { display: block; font-size: 1.55rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.keys span { color: var(--soft); font-size: .85rem; }
nav { font-size: .92rem; margin: 1rem 0; } nav a { margin-right: 1.1rem; white-space: nowrap; }
ol.advice { padding-left: 1.3rem; } ol.advice li { margin-bottom: 1.1rem; } ol.advice b { display: block; }
"""
MEANINGS = (
    "MASE: the mean absolute error over the mean absolute difference of readings one season apart before the test, the "
    "mean over series and folds; below 1 is better than a seasonal naive was on the past. sMAPE: 200 |y − f| / "
    "(|y| + |f|). Weighted quantile loss: the mean over the quantiles .1 to .9, over the sum of |y|; of a point "
    "forecast its absolute error. Interval score: width of the 95 % band and 40 times what lies outside it, in "
    "seasonal scales. The best of a column is marked: the smallest, of bands the nearest to what they promise."
)


def page_of(account: Account) -> str:
    """The whole page; every figure in it is one of the metrics."""
    sections = {
        "table": ("Beside what costs nothing", _standings(account)),
        "errors": ("Error by step ahead and by fold", _errors(account)),
        "calibration": ("Do the bands keep their promise?", _calibration(account)),
        "series": ("What it looks like", _excerpts(account)),
        "folds": ("Fold by fold", tables.by_fold(account)),
        "by-series": ("Series by series", tables.by_series(account)),
        "next": ("What to try next", _advice(account)),
        "figures": ("Every figure", tables.everything(account)),
    }
    sections = {name: section for name, section in sections.items() if section[1]}
    parts = [
        f"<h1>{escape(title(account))}</h1>",
        f"<p class='said'>{escape(' '.join(sentences(account)))}</p>",
        _key_figures(account),
        f"<p class='soft'>{escape(scope(account))}</p>",
        "<nav>" + "".join(f"<a href='#{name}'>{escape(head)}</a>" for name, (head, _) in sections.items()) + "</nav>",
        *(f"<h2 id='{name}'>{escape(head)}</h2>{body}" for name, (head, body) in sections.items()),
        _beside(account),
    ]
    return document(title(account), parts, STYLE)


def _key_figures(account: Account) -> str:
    own = account.overall[OURS]
    found = []
    if own["mase"] is not None:
        beside = "" if account.naive is None else f", seasonal naive {account.naive[1]:.3f}"
        found.append((f"{own['mase']:.3f}", f"MASE{beside}"))
    elif own["smape"] is not None:
        found.append((f"{own['smape']:.2f} %", "sMAPE"))
    for name, promise in (("coverage_80", "80 %"), ("coverage_95", "95 %")):
        if own[name] is not None:
            found.append((percent(own[name]), f"of readings in the {promise} band"))
    for entries, words in ((account.folds, "folds"), (list(account.series.values()), "series")):
        won, of = account.won(entries)
        if of > 1:
            found.append((f"{won:,} of {of:,}", f"{words} better than the naive"))
    shown = "".join(f"<div><b>{escape(figure)}</b><span>{escape(words)}</span></div>" for figure, words in found)
    return f"<div class='keys'>{shown}</div>"


def _standings(account: Account) -> str:
    counts = {key: row["targets"] for key, row in figures(account.overall).items()}
    fewer = [account.names[key] for key, count in counts.items() if count != counts[OURS]]
    same = " All are held against the same readings; missing ones are left out."
    if fewer:
        same = f" Where no forecast could be made nothing is compared: {', '.join(fewer)} have fewer readings."
    spent = list(account.seconds.values())
    total = f" All {len(spent)} trainings took {tables.taken(sum(spent))}." if len(spent) > 1 else ""
    return f"{tables.standings(account)}<p class='soft'>{escape(MEANINGS + same + total)}</p>"


def _errors(account: Account) -> str:
    return (
        "<div class='pair'>"
        f"<div><h3>By step ahead</h3>{error_by_horizon(account)}</div>"
        f"<div><h3>By fold</h3>{error_by_fold(account)}</div></div>"
    )


def _calibration(account: Account) -> str:
    coverage = coverage_by_horizon(account)
    second = f"<div><h3>What the bands hold by step ahead</h3>{coverage}</div>" if coverage else ""
    return f"<div class='pair'><div><h3>Every quantile</h3>{reliability(account)}</div>{second}</div>"


def _excerpts(account: Account) -> str:
    if not account.excerpts:
        return ""
    return "".join(
        f"<h3>{escape(_named(shown))}</h3>{excerpt(account, shown, at == 0)}"
        for at, shown in enumerate(account.excerpts)
    )


def _named(shown: Excerpt) -> str:
    error = "no MASE" if shown.error is None else f"MASE {shown.error:.3f}"
    words = shown.word if shown.word.startswith("the") else f"the {shown.word} series"
    return f"{shown.name}: {words}, {error}"


def _advice(account: Account) -> str:
    after = f"<pre>{escape(account.next)}</pre>" if account.next else ""
    if not account.advice:
        return f"<p>Nothing stands out: no figure asks for another setting. Go on with</p>{after}"
    items = "".join(
        f"<li><b>{escape(each.title)}</b>{escape(each.reason)}<pre>{escape(each.command)}</pre></li>"
        for each in account.advice
    )
    last = f"<p>Or go on as it is:</p>{after}" if after else ""
    return f"<ol class='advice'>{items}</ol>{last}"


def _beside(account: Account) -> str:
    if not account.folder:
        return ""
    links = ", ".join(f"<a href='{escape(name, quote=True)}'>{escape(name)}</a>" for name in account.folder)
    return f"<p class='soft'>Beside this page: {links}.</p>"
