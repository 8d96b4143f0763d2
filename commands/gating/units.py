"""Which units are worth a look: those that respond most, and an order in which like stands beside like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SWEEPS = 20  # at most; a few are enough
_NOTHING = 1e-9  # a gain that is rounding alone


def most_responsive(values: NDArray[np.float32], count: int) -> list[int]:
    """The `count` columns of (time, units) with the largest variance over time, the largest first; ties in order."""
    variance = values.astype(np.float64).var(axis=0)
    return [int(unit) for unit in np.argsort(-variance, kind="stable")[:count]]


def by_likeness(values: NDArray[np.float32]) -> list[int]:
    """All columns of (time, units), ordered so that units of like course are neighbours.

    A short path through all of them: a chain that takes the nearest unit at either end, untangled by turning parts of
    it around (2-opt, Croes 1958, Operations Research 6). The distance is Euclidean, over time.
    """
    exact = values.astype(np.float64)
    lengths = (exact**2).sum(axis=0)
    squares = lengths[:, None] + lengths - 2 * exact.T @ exact
    distance = np.sqrt(np.maximum(squares, 0.0))  # (units, units)
    return _untangled(_chain(distance), distance.tolist())


def _chain(distance: NDArray[np.float64]) -> list[int]:
    """From the two units that are most alike outwards, always by the nearest that is left."""
    count = len(distance)
    if count < 3:
        return list(range(count))
    apart = distance + np.diag(np.full(count, np.inf))
    path = [int(end) for end in np.unravel_index(int(apart.argmin()), apart.shape)]
    apart[:, path] = np.inf
    while len(path) < count:
        ends = apart[[path[0], path[-1]]]  # (2, units)
        end, unit = (int(place) for place in np.unravel_index(int(ends.argmin()), ends.shape))
        path.insert(len(path) if end else 0, unit)
        apart[:, unit] = np.inf
    return path


def _untangled(path: list[int], distance: list[list[float]]) -> list[int]:
    """The path with parts turned around for as long as that makes it shorter."""
    count = len(path)

    def gap(one: int, other: int) -> float:
        return distance[path[one]][path[other]] if one >= 0 and other < count else 0.0

    def turned(first: int, last: int) -> float:
        """What the path would have instead where the part from first to last is cut out."""
        before = distance[path[first - 1]][path[last]] if first else 0.0
        return before + (distance[path[first]][path[last + 1]] if last + 1 < count else 0.0)

    for _ in range(SWEEPS):
        shorter = False
        for first in range(count - 1):
            for last in range(first + 1, count):
                if turned(first, last) < gap(first - 1, first) + gap(last, last + 1) - _NOTHING:
                    path[first : last + 1] = path[first : last + 1][::-1]
                    shorter = True
        if not shorter:
            break
    return path
