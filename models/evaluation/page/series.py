"""A series with the forecasts made on the way, drawn and in words."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from models.evaluation.advice.case import ours
from models.evaluation.excerpt import Excerpt, draw
from models.evaluation.metrics import BAND, WIDE_BAND
from models.evaluation.page.account import Account, figures
from models.evaluation.page.figure import figure
from models.evaluation.page.headline import beyond, percent, plural
from models.pages import picture
from models.pages.picture import INK, NAIVE, framed, legend

BROAD = (10.4, 3.0)  # inches
THOUSAND = 1_000  # from which numbers have commas


def excerpt(account: Account, shown: Excerpt, first: bool) -> str:
    """A series with its forecasts, one after the other; the first of them explains its lines."""

    def draw_series(drawing: Figure) -> None:
        axes = framed(drawing.subplots())
        draw(axes, shown, INK, picture.OURS, NAIVE)
        low, high = axes.get_ylim()
        if max(abs(low), abs(high)) >= THOUSAND:
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        if first:
            legend(axes, ncol=5, loc="lower left", bbox_to_anchor=(0, 1))

    said = _said_of(account, shown)
    return figure(draw_series, said, (BROAD[0], BROAD[1] + 0.3 * first), "broad")


def _said_of(account: Account, shown: Excerpt) -> str:
    entry = account.series.get(shown.name)
    count = plural(len(shown.starts), "forecast")
    parts = [f"{shown.span.capitalize()}: {count} of {account.span(account.config.horizon)}."]
    target = shown.targets
    known = ~np.isnan(target)
    for edges, words in ((BAND, "80 %"), (WIDE_BAND, "95 %")):
        band = shown.band(edges)
        if band is not None and known.any():
            inside = ((band[0] <= target) & (target <= band[1]))[known]
            parts.append(f"The {words} band holds {inside.sum():,} of {inside.size:,} readings.")
    if entry is not None and account.naive is not None:
        own, naive = ours(entry), figures(entry)[account.naive[0]]["mase"]
        if own is not None and naive is not None:
            share = beyond(own, naive)
            word = "less" if own < naive else "more"
            much = "" if share is None else f"{percent(abs(share))} "
            parts.append(f"Over all folds its error is {much}{word} than the naive's ({naive:.3f}).")
    return " ".join(parts)
