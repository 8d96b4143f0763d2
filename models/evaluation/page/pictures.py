"""The pictures of the page, each with the words of what one sees: errors, calibration, and series with their bands."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from models.evaluation.advice.case import Entry, ours
from models.evaluation.excerpt import Excerpt, draw
from models.evaluation.metrics import BAND, WIDE_BAND
from models.evaluation.page.account import OURS, Account, figures
from models.evaluation.page.headline import percent
from models.pages import picture
from models.pages.picture import GRID, INK, NAIVE, OTHER, framed, legend, svg

DASHES = [(0, (5, 2)), (0, (1, 1)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1))]
HIGHEST = 2.5  # times the largest of our errors and the best naive's: what lies above leaves the picture
SIZE = (5.4, 3.7)  # inches, of two that stand side by side
BROAD = (10.4, 3.0)
BANDS = {"coverage_95": (0.95, "95 % band"), "coverage_80": (0.8, "80 % band")}
THOUSAND = 1_000  # from which numbers have commas
FEW = 3  # places on an axis below which a line is drawn with its points


def error_by_horizon(account: Account) -> str:
    """Ours and every baseline by step ahead."""
    lines = {key: [_error(entry, key) for entry in account.steps] for key in account.names}
    places = [entry["h"] for entry in account.steps]
    return _figure(lambda figure: _draw_errors(figure, account, places, lines, "steps ahead"), _said_by_step(account))


def error_by_fold(account: Account) -> str:
    """Ours and every baseline by fold."""
    lines = {key: [_error(entry, key) for entry in account.folds] for key in account.names}
    places = [entry["fold"] for entry in account.folds]
    said = _said_by_fold(account)
    return _figure(lambda figure: _draw_errors(figure, account, places, lines, "fold, in the order of time"), said)


def reliability(account: Account) -> str:
    """The share of readings at or below each quantile beside what it promises, over all and by fold."""

    def draw_shares(figure: Figure) -> None:
        axes = framed(figure.subplots())
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

    return _figure(draw_shares, _said_of_shares(account))


def coverage_by_horizon(account: Account) -> str:
    """What the 80 % and the 95 % band hold at each step ahead."""
    places = [entry["h"] for entry in account.steps]
    bands = {}
    for name, (promise, words) in BANDS.items():
        shares = [_number(entry[OURS][name]) for entry in account.steps]
        if not np.isnan(shares).all():
            bands[words] = promise, shares
    if not bands:
        return ""

    def draw_bands(figure: Figure) -> None:
        axes = framed(figure.subplots())
        lowest = min(np.nanmin(shares) for _, shares in bands.values())
        for (words, (promise, shares)), style in zip(bands.items(), ("-", DASHES[0]), strict=False):
            axes.axhline(promise, color=INK, linewidth=0.8, linestyle=":")
            axes.plot(
                places, shares, color=picture.OURS, linewidth=2, linestyle=style, label=words, marker=_marker(places)
            )
        axes.set(ylim=(max(0.0, min(0.6, lowest - 0.05)), 1.0), xlabel="steps ahead", ylabel="readings held")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.margins(x=0.02)
        legend(axes, loc="lower left", ncol=2)

    said = []
    for words, (promise, shares) in bands.items():
        low, high = int(np.nanargmin(shares)), int(np.nanargmax(shares))
        said.append(
            f"The {words} holds from {percent(shares[low])} ({_ahead(places[low])}) to {percent(shares[high])} "
            f"({_ahead(places[high])}) where {percent(promise, 0)} are promised."
        )
    return _figure(draw_bands, " ".join(said))


def excerpt(account: Account, shown: Excerpt, first: bool) -> str:
    """A series with its forecasts, one after the other; the first of them explains its lines."""

    def draw_series(figure: Figure) -> None:
        axes = framed(figure.subplots())
        draw(axes, shown, INK, picture.OURS, NAIVE)
        low, high = axes.get_ylim()
        if max(abs(low), abs(high)) >= THOUSAND:
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        if first:
            legend(axes, ncol=5, loc="lower left", bbox_to_anchor=(0, 1))

    said = _said_of(account, shown)
    return _figure(draw_series, said, (BROAD[0], BROAD[1] + 0.3 * first), "broad")


def _draw_errors(
    figure: Figure, account: Account, places: list[int], lines: dict[str, list[float]], label: str
) -> None:
    axes = framed(figure.subplots())
    dashes = {True: iter(DASHES * 2), False: iter(DASHES * 2)}
    for key, errors in reversed(lines.items()):
        if key == OURS or np.isnan(errors).all():
            continue
        naive = key.startswith("naive_")
        axes.plot(
            places,
            errors,
            color=NAIVE if naive else OTHER,
            linewidth=1.6 if naive else 1.2,
            linestyle=next(dashes[naive]),
            label=account.names[key],
            marker=_marker(places),
            markersize=4,
        )
    axes.plot(places, lines[OURS], color=picture.OURS, linewidth=2.6, label=OURS, marker=_marker(places))
    shown = [key for key in lines if key == OURS or (account.naive is not None and key == account.naive[0])]
    known = [error for key in shown for error in lines[key] if not np.isnan(error)]
    axes.set_ylim(0, None)
    if known and max(known) > 0:
        axes.set_ylim(0, min(axes.get_ylim()[1], HIGHEST * max(known)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set(xlabel=label, ylabel="MASE")
    axes.margins(x=0.02)
    handles, words = axes.get_legend_handles_labels()
    figure.legend(
        handles[::-1], words[::-1], loc="outside lower center", ncol=2, frameon=False, labelcolor=INK, fontsize=10
    )


def _figure(draw_it: Any, said: str, size: tuple[float, float] = SIZE, kind: str = "") -> str:
    drawing = svg(draw_it, *size, said=said, kind=kind)
    held = f"<div class='wide'>{drawing}</div>" if kind else drawing
    return f"<figure>{held}<figcaption>{escape(said)}</figcaption></figure>"


def _said_by_step(account: Account) -> str:
    errors = [(entry["h"], _error(entry, OURS)) for entry in account.steps]
    known = [(h, error) for h, error in errors if not np.isnan(error)]
    if not known:
        return "There is no error in seasonal scales to draw."
    (first, near), (last, far) = known[0], known[-1]
    said = f"The error is {near:.3f} {_ahead(first)}" + (f" and {far:.3f} {_ahead(last)}." if last > first else ".")
    if account.naive is None or last == first:
        return said
    won, of = account.won(account.steps)
    name = account.names[account.naive[0]]
    return f"{said} It is smaller than that of the {name}, at {won:,} of {of:,} steps ahead."


def _said_by_fold(account: Account) -> str:
    errors = {entry["fold"]: error for entry in account.folds if (error := ours(entry)) is not None}
    if not errors:
        return "No fold has an error in seasonal scales."
    if len(errors) == 1:
        return f"One fold: {next(iter(errors.values())):.3f}."
    low, high = min(errors, key=lambda fold: errors[fold]), max(errors, key=lambda fold: errors[fold])
    return f"From {errors[low]:.3f} in fold {low} to {errors[high]:.3f} in fold {high}."


def _said_of_shares(account: Account) -> str:
    points = list(zip(*_shares(account.metrics), strict=True))
    if not points:
        return "Nothing was compared."
    level, share = max(points, key=lambda point: abs(point[1] - point[0]))
    said = f"A line on the dotted one keeps every promise. It is furthest from it at the {level:g} quantile"
    middle = dict(points).get(0.5)
    if middle is not None and abs(middle - 0.5) > 0.05:
        side = "low" if middle < 0.5 else "high"
        lean = f" Forecasts lie too {side}: {percent(middle)} of the readings are at or below the median."
    else:
        lean = ""
    return f"{said}, which {percent(share)} of the readings are at or below.{lean}"


def _said_of(account: Account, shown: Excerpt) -> str:
    entry = account.series.get(shown.name)
    parts = [f"Fold {shown.fold}, {len(shown.starts)} forecasts of {account.span(account.config.horizon)}."]
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
            word = "less" if own < naive else "more"
            share = abs(own / naive - 1) if naive else 0.0
            parts.append(f"Over all folds its error is {percent(share)} {word} than the naive's ({naive:.3f}).")
    return " ".join(parts)


def _ahead(steps: int) -> str:
    return "one step ahead" if steps == 1 else f"{steps:,} steps ahead"


def _shares(entry: Entry) -> tuple[list[float], list[float]]:
    known = [(each["level"], each["observed"]) for each in entry["calibration"] if each["observed"] is not None]
    return [level for level, _ in known], [share for _, share in known]


def _error(entry: Entry, key: str) -> float:
    return _number(figures(entry)[key]["mase"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _marker(places: list[int]) -> str:
    """A line through few places shows them; of one place there would be nothing to see."""
    return "o" if len(places) <= 2 * FEW else ""
