"""Forecasts that cost nothing and that a forecaster has to beat: the seasonal naive, and simpler ones beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SEASONS = 4  # that a seasonal mean is taken over
FEWEST = 24  # readings that a mean is taken over, where a season is shorter


def seasonal_naive(history: Array, origins: NDArray[np.int64], horizon: int, season: int) -> Array:
    """Point forecasts (origins, horizon) of a series (time,): after origin t, y[t + h - season * ceil(h / season)].

    `origins` are the places of the last reading known. Where a reading is missing the one a season earlier stands in;
    NaN where none is known.
    """
    filled = seasonally_filled(history, season)
    ahead = np.arange(1, horizon + 1)
    places = origins[:, None] + ahead - season * -(-ahead // season)
    return np.where(places >= 0, filled[np.maximum(places, 0)], np.nan)


def seasonally_filled(history: Array, season: int) -> Array:
    """The series (time,) with each missing reading replaced by the last one known of its place in the season."""
    whole = -(-history.size // season)
    padded = np.full(whole * season, np.nan)
    padded[: history.size] = history
    table = padded.reshape(whole, season)
    known = np.where(np.isnan(table), -1, np.arange(whole)[:, None])
    latest = np.maximum.accumulate(known, axis=0)
    filled = np.take_along_axis(table, np.maximum(latest, 0), axis=0)
    return filled.reshape(-1)[: history.size]


@dataclass(frozen=True)
class Baseline:
    """A forecast that anyone could make; `forecast(history, origins, horizon)` as `seasonal_naive` takes them."""

    words: str
    forecast: Callable[[Array, NDArray[np.int64], int], Array]
    season: int | None = None  # steps that it looks back on


# Beside the seasonal naives: a line each, its name in files and how it is made for the seasons of a model.
BASELINES: dict[str, Callable[[Sequence[int]], Baseline]] = {
    "last": lambda _: Baseline("last value", last_value),
    "drift": lambda _: Baseline("drift", drift),
    "mean": lambda lags: Baseline("mean", partial(mean, length=lags[-1]), max(FEWEST, lags[-1])),
    "seasonal_mean": lambda lags: Baseline("seasonal mean", partial(seasonal_mean, season=lags[-1]), lags[-1]),
}


def baselines_of(lags: Sequence[int]) -> dict[str, Baseline]:
    """All of them by name, but for those that a seasonal naive of the same lags is already."""
    left_out = {"last"} if 1 in lags else set()
    left_out |= {"seasonal_mean"} if lags[-1] == 1 else set()
    return {name: make(lags) for name, make in BASELINES.items() if name not in left_out}


def last_value(history: Array, origins: NDArray[np.int64], horizon: int) -> Array:
    """The last reading known at each origin again and again, (origins, horizon); NaN where none is known."""
    return np.repeat(_known(history)[0][origins, None], horizon, 1)


def drift(history: Array, origins: NDArray[np.int64], horizon: int) -> Array:
    """The line through the first and the last reading known, gone on with (Hyndman and Athanasopoulos 2021, 5.2)."""
    values, places = _known(history)
    found = np.flatnonzero(~np.isnan(history))
    if not found.size:
        return np.full((len(origins), horizon), np.nan)
    last, place, first = values[origins], places[origins], found[0]
    slope = (last - history[first]) / np.maximum(place - first, 1)
    ahead = origins[:, None] + np.arange(1, horizon + 1) - place[:, None]
    return np.asarray(last[:, None] + slope[:, None] * ahead)


def mean(history: Array, origins: NDArray[np.int64], horizon: int, length: int) -> Array:
    """The mean of the last `length` readings, and of no fewer than FEWEST; where all are missing the last value."""
    length = max(FEWEST, length)
    sums = np.concatenate([[0.0], np.nan_to_num(history).cumsum()])
    counts = np.concatenate([[0], (~np.isnan(history)).cumsum()])
    ends, starts = origins + 1, np.maximum(origins + 1 - length, 0)
    count = counts[ends] - counts[starts]
    found = np.where(count > 0, (sums[ends] - sums[starts]) / np.maximum(count, 1), _known(history)[0][origins])
    return np.repeat(found[:, None], horizon, 1)


def seasonal_mean(history: Array, origins: NDArray[np.int64], horizon: int, season: int) -> Array:
    """The mean of the last SEASONS readings of the same place in the season, those that are known; else NaN."""
    ahead = np.arange(1, horizon + 1)
    newest = origins[:, None] + ahead - season * -(-ahead // season)
    places = newest[:, :, None] - season * np.arange(SEASONS)
    found = np.where(places >= 0, history[np.maximum(places, 0)], np.nan)
    count = (~np.isnan(found)).sum(2)
    total = np.nansum(found, axis=2) / np.maximum(count, 1)
    return np.where(count > 0, total, seasonal_naive(history, origins, horizon, season))


def _known(history: Array) -> tuple[Array, NDArray[np.int64]]:
    """At each place the last reading known there and where it stood; NaN and 0 before the first."""
    places = np.maximum.accumulate(np.where(np.isnan(history), 0, np.arange(history.size)))
    return history[places], places
