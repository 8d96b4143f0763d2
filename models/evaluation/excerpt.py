"""Stretches of series with the forecasts made on the way: of the best, the median and the worst series."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from numpy.typing import NDArray

from models.evaluation.forecasts import Forecasts
from models.evaluation.metrics import BAND, WIDE_BAND
from models.evaluation.plots import moments_of
from models.evaluation.rolling_origin import Study
from models.evaluation.scores import Scores

Array = NDArray[np.float64]
HORIZONS = 7  # forecasts one after the other, at most
SHORT = 4  # steps of a horizon below which forecasts are drawn as one, and:
STEPS = 48  # of them, at most
SHOWN_BEFORE = 1  # horizons of readings before the first forecast


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Forecasts that do not overlap, of the last folds in which a series was tested."""

    name: str
    word: str  # best, median or worst
    error: float | None  # its MASE, over all folds
    folds: tuple[int, ...]  # that the forecasts are of, in the order of time
    moments: NDArray[Any]  # (time,)
    readings: Array  # (time,), NaN where nothing was read
    starts: tuple[int, ...]  # places of the first step of each forecast
    quantiles: Array  # (forecasts, horizon, levels)
    naive: Array  # (forecasts, horizon)
    levels: tuple[float, ...]

    def band(self, edges: tuple[float, float]) -> tuple[Array, Array] | None:
        """Its lower and its upper edge, (forecasts, horizon) each, where both are forecast."""
        if not set(edges) <= set(self.levels):
            return None
        low, high = (self.quantiles[:, :, self.levels.index(edge)] for edge in edges)
        return low, high

    @property
    def span(self) -> str:
        """Its folds in words."""
        first, last = self.folds[0], self.folds[-1]
        return f"fold {first}" if first == last else f"folds {first} to {last}"

    @property
    def median(self) -> Array:
        return self.quantiles[:, :, self.levels.index(0.5)]

    @property
    def targets(self) -> Array:
        """What then happened, (forecasts, horizon)."""
        steps = np.array(self.starts)[:, None] + np.arange(self.quantiles.shape[1])
        return self.readings[steps]


def excerpts_of(study: Study, scores: Scores, read: Callable[[int], Forecasts]) -> list[Excerpt]:
    """The best, the median and the worst series; two or one where no three have a scale.

    `read` gives the forecasts of a fold. The naive beside them is the best one over all.
    """
    ranked: list[tuple[str, float | None]] = [*scores.ranked_series()]
    ranked = ranked or [(name, None) for name in scores.ours.by_series]
    wanted = {0: "best", len(ranked) // 2: "median", len(ranked) - 1: "worst"}
    if len(ranked) < 3:
        wanted = {0: "best", 1: "worst"} if len(ranked) == 2 else {0: "the one series"}
    chosen = {ranked[rank][0]: (word, ranked[rank][1]) for rank, word in wanted.items()}
    parts: dict[str, list[_Part]] = {name: [] for name in chosen}
    lag, most = best_lag(scores), _most(study)
    for fold in reversed(study.folds):
        wanted_still = {name for name, taken in parts.items() if sum(len(part.starts) for part in taken) < most}
        if not wanted_still:
            break
        forecasts = read(fold.number)
        for name in wanted_still & set(forecasts.ids):
            room = most - sum(len(part.starts) for part in parts[name])
            parts[name].insert(0, _part(study, forecasts, name, fold.number, lag, room))
    return [_cut(study, name, *chosen[name], taken) for name, taken in parts.items() if taken]


def best_lag(scores: Scores) -> int:
    """The season of the seasonal naive with the smallest error; the longest where none has one."""
    errors = {lag: board.overall.metrics().mase for lag, board in scores.naives.items()}
    known = {lag: error for lag, error in errors.items() if error is not None}
    return min(known, key=lambda lag: known[lag]) if known else max(errors)


def draw(axes: Axes, excerpt: Excerpt, ink: str, ours: str, naive: str) -> None:
    """Readings, bands, median and naive, in these colours; where a forecast begins there is a dotted line."""
    for at, (steps, rows) in enumerate(_pieces(excerpt)):
        ahead = excerpt.moments[steps]
        label = "_" if at else ""
        marker = "." if len(steps) == 1 else ""
        for edges, alpha, words in ((WIDE_BAND, 0.16, "95 % band"), (BAND, 0.3, "80 % band")):
            if (band := excerpt.band(edges)) is not None:
                low, high = (edge[rows].reshape(-1) for edge in band)
                axes.fill_between(ahead, low, high, color=ours, alpha=alpha, linewidth=0, label=label + words)
        dashed: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (4, 2)), "marker": marker}
        axes.plot(ahead, excerpt.naive[rows].reshape(-1), color=naive, label=label + "seasonal naive", **dashed)
        middle = excerpt.median[rows].reshape(-1)
        axes.plot(ahead, middle, color=ours, linewidth=2, label=label + "median forecast", marker=marker)
        if len(steps) == excerpt.quantiles.shape[1]:
            axes.axvline(excerpt.moments[max(0, steps[0] - 1)], color=ink, linewidth=0.6, linestyle=":", alpha=0.6)
    # A reading between two that are missing is no line.
    alone: dict[str, Any] = {"marker": ".", "markersize": 3} if np.isnan(excerpt.readings).any() else {}
    axes.plot(excerpt.moments, excerpt.readings, color=ink, linewidth=1.3, label="reading", **alone)
    if np.issubdtype(excerpt.moments.dtype, np.datetime64):
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.margins(x=0.005)


def _pieces(excerpt: Excerpt) -> Iterator[tuple[NDArray[np.int64], slice]]:
    """What is drawn as one line: the places of its steps, and its forecasts. Short ones that touch go together."""
    horizon = excerpt.quantiles.shape[1]
    touching = all(after - start == horizon for start, after in zip(excerpt.starts, excerpt.starts[1:], strict=False))
    if horizon < SHORT and touching:
        yield np.arange(excerpt.starts[0], excerpt.starts[-1] + horizon), slice(None)
        return
    for at, start in enumerate(excerpt.starts):
        yield np.arange(start, start + horizon), slice(at, at + 1)


class _Part(NamedTuple):
    """Forecasts of one fold, one after the other, without those that overlap one already taken."""

    fold: int
    starts: NDArray[np.int64]  # places of their first steps in the series
    quantiles: Array
    naive: Array


def _most(study: Study) -> int:
    """Forecasts in an excerpt, at most."""
    return STEPS // study.config.horizon if study.config.horizon < SHORT else HORIZONS


def _part(study: Study, forecasts: Forecasts, name: str, fold: int, lag: int, room: int) -> _Part:
    stretch = study.stretches[study.ids.index(name)]
    apart = -(-study.config.horizon // study.settings.stride)  # origins from one to the next that does not overlap it
    rows = np.flatnonzero(np.array(forecasts.ids) == name)[::apart][-room:]
    starts = np.searchsorted(stretch.times, forecasts.first_times[rows])
    return _Part(fold, starts, forecasts.quantiles[rows], forecasts.naive(lag)[rows, :, 0])


def _cut(study: Study, name: str, word: str, error: float | None, parts: list[_Part]) -> Excerpt:
    """The forecasts of the parts, and the readings from a little before them on."""
    horizon, stretch = study.config.horizon, study.stretches[study.ids.index(name)]
    starts = np.concatenate([part.starts for part in parts])
    begin = max(0, int(starts[0]) - max(SHOWN_BEFORE * horizon, SHORT))
    shown = slice(begin, int(starts[-1]) + horizon)
    return Excerpt(
        name,
        word,
        error,
        tuple(part.fold for part in parts),
        moments_of(stretch.times[shown], study.frequency),
        stretch.values[shown, 0],
        tuple((starts - begin).tolist()),
        np.concatenate([part.quantiles for part in parts]),
        np.concatenate([part.naive for part in parts]),
        study.config.quantiles,
    )
