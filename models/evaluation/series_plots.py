"""The best, the median and the worst series of a rolling-origin backtest, with the bands of its last fold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from models.evaluation.folds import place
from models.evaluation.forecasts import Forecasts
from models.evaluation.metrics import BAND, WIDE_BAND
from models.evaluation.plots import INK, NAIVE, OURS, framed_figure, moments_of
from models.evaluation.rolling_origin import Study
from models.evaluation.scores import Scores

HORIZONS = 7  # at most, one after the other
SHOWN_BEFORE = 1  # horizons of readings before the first forecast


def plot_series(study: Study, scores: Scores, read: Callable[[int], Forecasts], path: Path) -> None:
    """Each in the last fold in which it was tested; `read` gives the forecasts of a fold. Two or one if there are no
    three series with a scale.
    """
    ranked = scores.ranked_series() or [(name, float("nan")) for name in scores.ours.by_series]
    wanted = {0: "best", len(ranked) // 2: "median", len(ranked) - 1: "worst"}
    if len(ranked) < 3:
        wanted = {0: "best", len(ranked) - 1: "worst"} if len(ranked) == 2 else {0: "the one series"}
    chosen = {ranked[rank][0]: (word, ranked[rank][1]) for rank, word in wanted.items()}
    figure, rows = framed_figure(12.0, 1.0 + 3.2 * len(chosen), [1.0] * len(chosen))
    waiting = dict(zip(chosen, rows, strict=True))
    for fold in reversed(study.folds):
        if not waiting:
            break
        forecasts = read(fold.number)
        for name in set(forecasts.ids) & set(waiting):
            axes = waiting.pop(name)
            word, error = chosen[name]
            _draw(axes, study, forecasts, name)
            axes.set_title(f"{name}, {word}: MASE {error:.3f}; fold {fold.number}", loc="left", color=INK)
    rows[-1].legend(frameon=False, ncol=5, loc="upper left", bbox_to_anchor=(0, -0.12))
    figure.savefig(path, dpi=130)


def _draw(axes: Axes, study: Study, forecasts: Forecasts, name: str) -> None:
    """Forecasts one after the other, without those that overlap one already drawn."""
    horizon, levels = study.config.horizon, study.config.quantiles
    stretch = study.stretches[study.ids.index(name)]
    moments = moments_of(stretch.times, study.frequency)
    rows = np.flatnonzero(np.array(forecasts.ids) == name)
    apart = -(-horizon // study.settings.stride)  # origins from one forecast to the next that does not overlap it
    rows = rows[::apart][:HORIZONS]
    first = place(stretch, _first_time(forecasts, int(rows[0])))
    starts = [first + at * apart * study.settings.stride for at in range(len(rows))]
    quantiles = forecasts.quantiles[rows]  # (origins, horizon, quantiles)
    naive = forecasts.naive(study.config.lags[-1])[rows, :, 0]
    median = levels.index(0.5)
    for at, start in enumerate(starts):
        ahead = moments[start : start + horizon]
        label = "_" if at else ""
        for (low, high), alpha, words in ((WIDE_BAND, 0.13, "95 % band"), (BAND, 0.28, "80 % band")):
            if low in levels and high in levels:
                lower, upper = (quantiles[at, :, levels.index(level)] for level in (low, high))
                axes.fill_between(ahead, lower, upper, color=OURS, alpha=alpha, linewidth=0, label=label + words)
        axes.plot(ahead, naive[at], color=NAIVE, linewidth=1.2, linestyle=(0, (4, 2)), label=label + "seasonal naive")
        axes.plot(ahead, quantiles[at, :, median], color=OURS, linewidth=2, label=label + "median forecast")
        axes.axvline(moments[start - 1], color=INK, linewidth=0.6, linestyle=":", alpha=0.6)
    shown = slice(max(0, first - SHOWN_BEFORE * horizon), starts[-1] + horizon)
    axes.plot(moments[shown], stretch.values[shown, 0], color=INK, linewidth=1.3, label="reading")
    if study.frequency.has_calendar:
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.margins(x=0.005)


def _first_time(forecasts: Forecasts, row: int) -> int:
    """The time of the first step that an origin forecasts."""
    times = forecasts.frame["ds"]
    return int((times if times.dtype.is_integer() else times.dt.epoch("s"))[row * forecasts.config.horizon])
