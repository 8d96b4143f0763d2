"""Whether quantiles and bands keep their promise, drawn and in words."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from models.evaluation.advice.bands import ENOUGH
from models.evaluation.advice.case import Entry
from models.evaluation.page.account import OURS, Account
from models.evaluation.page.figure import DASHES, ahead, along, figure, known, marker
from models.evaluation.page.headline import percent
from models.pages import picture
from models.pages.picture import GRID, INK, framed, legend

BANDS = {"coverage_95": (0.95, "95 % band"), "coverage_80": (0.8, "80 % band")}
LEAN = 0.05  # share of readings by which the median may be off before it is told


def reliability(account: Account) -> str:
    """The share of readings at or below each quantile beside what it promises, over all and by fold."""

    def draw_shares(drawing: Figure) -> None:
        axes = framed(drawing.subplots())
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":", label="as promised")
        several = account.folds if len(account.folds) > 1 else []
        for at, entry in enumerate(several):
            axes.plot(*_shares(entry), color=picture.OURS, linewidth=0.8, alpha=0.45, label="_" if at else "by fold")
        axes.plot(*_shares(account.metrics), "o-", color=picture.OURS, linewidth=2, markersize=4, label="all folds")
        axes.grid(axis="x", color=GRID, linewidth=0.7)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="quantile", ylabel="readings at or below it")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_yticks(np.arange(0.2, 1.1, 0.2))
        legend(axes, loc="upper left")

    return figure(draw_shares, _said_of_shares(account))


def coverage_by_horizon(account: Account) -> str:
    """What the 80 % and the 95 % band hold at each step ahead."""
    places = [entry["h"] for entry in account.steps]
    bands = {}
    for name, (promise, words) in BANDS.items():
        shares = [known(entry[OURS][name]) for entry in account.steps]
        if not np.isnan(shares).all():
            bands[words] = promise, shares
    if not bands:
        return ""

    def draw_bands(drawing: Figure) -> None:
        axes = framed(drawing.subplots())
        lowest = min(np.nanmin(shares) for _, shares in bands.values())
        for (words, (promise, shares)), style in zip(bands.items(), ("-", DASHES[0]), strict=False):
            axes.axhline(promise, color=INK, linewidth=0.8, linestyle=":")
            axes.plot(
                places, shares, color=picture.OURS, linewidth=2, linestyle=style, label=words, marker=marker(places)
            )
        axes.set(ylim=(max(0.0, min(0.6, lowest - 0.05)), 1.0), xlabel="steps ahead", ylabel="readings held")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        along(axes, places)
        drawing.legend(loc="outside lower center", ncol=2, frameon=False, labelcolor=INK, fontsize=10)

    said = []
    for words, (promise, shares) in bands.items():
        low, high = int(np.nanargmin(shares)), int(np.nanargmax(shares))
        if shares[low] == shares[high]:
            said.append(f"The {words} holds {percent(shares[low])} where {percent(promise, 0)} are promised.")
            continue
        said.append(
            f"The {words} holds from {percent(shares[low])} ({ahead(places[low])}) to {percent(shares[high])} "
            f"({ahead(places[high])}) where {percent(promise, 0)} are promised."
        )
    return figure(draw_bands, " ".join(said))


def _said_of_shares(account: Account) -> str:
    points = list(zip(*_shares(account.metrics), strict=True))
    if not points:
        return "Nothing was compared."
    level, share = max(points, key=lambda point: abs(point[1] - point[0]))
    said = f"A line on the dotted one keeps every promise. It is furthest from it at the {level:g} quantile"
    middle = dict(points).get(0.5)
    if account.config.integer:
        return (
            f"{said}, which {percent(share)} of the readings are at or below. Whole numbers often lie at the quantile "
            "itself, so that what is above the dotted line says nothing against it."
        )
    # Where forecasts are all right, every reading lies at every quantile.
    enough = account.overall[OURS]["targets"] >= ENOUGH
    if enough and middle is not None and abs(middle - 0.5) > LEAN and account.overall[OURS]["smape"]:
        side = "low" if middle < 0.5 else "high"
        lean = f" Forecasts lie too {side}: {percent(middle)} of the readings are at or below the median."
    else:
        lean = ""
    return f"{said}, which {percent(share)} of the readings are at or below.{lean}"


def _shares(entry: Entry) -> tuple[list[float], list[float]]:
    points = [(each["level"], each["observed"]) for each in entry["calibration"] if each["observed"] is not None]
    return [level for level, _ in points], [share for _, share in points]
