"""Where the grid of a series begins when some of its times, perhaps the first, lie beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import DAY, HOUR, MINUTE, Frequency

_NEAR = 4  # a round grid is right if all times lie within a quarter of a step from it


@dataclass(frozen=True, eq=False)
class Anchored:
    """A grid laid through `anchor`, the nearest step of each time, and how far the times lie from it."""

    anchor: int
    steps: NDArray[np.int64]
    distances: NDArray[np.int64]


def nearest_grid(frequency: Frequency, times: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """The start of the grid for the times of one series, and the nearest step of each time from it.

    Taken is the grid on which most times lie; else the roundest one (whole days before hours before minutes,
    edges of months) near which all of them lie; else the nearest.
    """
    tried = [_through(frequency, anchor, times) for anchor in _common(frequency, times)]
    best = max(tried, key=lambda grid: int((grid.distances == 0).sum()))
    if 2 * int((best.distances == 0).sum()) <= len(times):
        best = _round(frequency, times, tried)
    start = int(frequency.times(best.anchor, best.steps[:1])[0])
    return start, best.steps - best.steps[0]


def _round(frequency: Frequency, times: NDArray[np.int64], tried: list[Anchored]) -> Anchored:
    for anchors in _rounded(frequency, int(times[0])):
        grids = [_through(frequency, anchor, times) for anchor in anchors]
        best = min(grids, key=_total)
        if _NEAR * int(best.distances.max()) <= frequency.seconds:
            return best
        tried = tried + grids
    return min(tried, key=_total)


def _common(frequency: Frequency, times: NDArray[np.int64]) -> list[int]:
    """The first time, and the first with the phase of most times."""
    first = int(times[0])
    if frequency.unit == "month":
        return [first]
    phases, counts = np.unique(times % frequency.size, return_counts=True)
    return [first, first - (first - int(phases[counts.argmax()])) % frequency.size]


def _rounded(frequency: Frequency, first: int) -> Iterator[list[int]]:
    """Round times near the first, the roundest ones first."""
    if frequency.unit == "month":
        month = np.datetime64(first, "s").astype("datetime64[M]")
        begin, end = (int(edge.astype("datetime64[s]").astype(np.int64)) for edge in (month, month + 1))
        yield [begin, end - DAY]
        return
    units = (DAY, HOUR, 10 * MINUTE, MINUTE) if frequency.has_calendar else ()
    for unit in (min(frequency.size, DAY), *units, 1):
        if unit <= frequency.size:
            middle = first + unit // 2
            yield [middle - middle % unit]


def _through(frequency: Frequency, anchor: int, times: NDArray[np.int64]) -> Anchored:
    lower, _ = frequency.steps(anchor, times)
    below = times - frequency.times(anchor, lower)
    above = frequency.times(anchor, lower + 1) - times
    return Anchored(anchor, lower + (above < below), np.minimum(above, below))


def _total(grid: Anchored) -> int:
    return int(grid.distances.sum())
