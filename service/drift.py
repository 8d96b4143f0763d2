"""Drift of a session's readings: their recent level and spread against those of longer ago."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHORTEST, SLOWER = 48, 8  # readings that the fast statistics span at least; how many times as many the slow ones
KNOWN = 4  # fast spans until anything is told
RAISE = 1.0  # a drift from which on it is flagged
_READINGS, _HIGH, _LOW, _SLOW, _GAP, _FAST = range(6)  # how many, the slow mean in two parts, its variance, …
SIZE = 6
LARGEST = 1e9  # of a drift that is told
_LEAST = 1e-9  # of a variance, as a share of the larger one

Rows = NDArray[np.float32]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Pace:
    """Over how many readings the fast and the slow statistics go."""

    fast: int
    slow: int

    @classmethod
    def of(cls, season: int) -> Pace:
        """A whole season at least: the hours of a day are no drift."""
        fast = max(season, SHORTEST)
        return cls(fast, SLOWER * fast)


def advance(rows: Rows, target: Numbers, pace: Pace) -> None:
    """Takes a reading each (batch,), NaN where it is missing, into rows (batch, SIZE).

    Exponentially weighted means and variances (West, 1979; Finch, 2009); plain ones at first.
    """
    count, mean = rows[:, _READINGS], rows[:, _HIGH].astype(np.float64) + rows[:, _LOW]
    seen = ~np.isnan(target)
    value = np.where(seen, target, mean)
    slow, fast = 1 / np.minimum(count + 1, pace.slow), 1 / np.minimum(count + 1, pace.fast)
    away = value - mean
    away_fast = away - rows[:, _GAP]
    after = mean + slow * away
    high = after.astype(np.float32)
    moved = (
        (_READINGS, np.minimum(count + 1, pace.slow)),
        (_SLOW, (1 - slow) * (rows[:, _SLOW] + slow * away**2)),
        (_FAST, (1 - fast) * (rows[:, _FAST] + fast * away_fast**2)),
        (_GAP, rows[:, _GAP] + fast * away_fast - slow * away),
        (_HIGH, high),
        (_LOW, after - high),
    )
    for column, numbers in moved:
        rows[:, column] = np.where(seen, numbers, rows[:, column])


def read(rows: Rows, pace: Pace) -> Numbers:
    """(batch,) the divergence of two normal distributions, that of the recent readings and that of all; NaN at first.

    J = (a/b + b/a - 2) / 2 + d^2 (1/a + 1/b) / 2 of variances a and b and means d apart: the sum of both
    Kullback-Leibler divergences (Jeffreys, 1946), of which the population stability index is the form for histograms.
    """
    slow, fast, gap = (rows[:, column].astype(np.float64) for column in (_SLOW, _FAST, _GAP))
    least = np.maximum(_LEAST * np.maximum(slow, fast), np.finfo(np.float64).tiny)
    slow, fast = np.maximum(slow, least), np.maximum(fast, least)
    with np.errstate(over="ignore"):
        told = (fast / slow + slow / fast - 2) / 2 + gap**2 * (1 / fast + 1 / slow) / 2
    known = rows[:, _READINGS] >= min(KNOWN * pace.fast, pace.slow)
    return np.where(known, np.minimum(told, LARGEST), np.nan)


def sound(rows: Rows) -> bool:
    """Whether rows can be."""
    return bool(np.isfinite(rows).all() and (rows[:, [_READINGS, _SLOW, _FAST]] >= 0).all())
