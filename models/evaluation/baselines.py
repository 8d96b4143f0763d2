"""The seasonal naive: what stood a season ago comes again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
