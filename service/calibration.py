"""Adaptive conformal bands: a session's quantiles widened by how its own readings fell, as a pure function of a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest
from service.support import held

VERSION = 1  # of the method: a row of another one is of no use, and is made again by a replay
MEDIAN = 0.5
INNER = 0.1  # beside the outermost level of each side, the one whose tail is nearest to this is held to its promise
QUICKEST, SLOWER = 0.1, 0.2  # a step of ln(factor): SLOWER / sqrt(steps ahead), and QUICKEST at most
NARROWEST, WIDEST = 1 / 64, 64.0  # what a factor may be
_HIGH = 2**20  # the count of readings is kept in two parts: float32 holds whole numbers up to 2^24 alone

# Columns of a row before the factors (horizon, edges), the origins (horizon, 2) and the edges (places, edges).
_VERSION, _COUNT = 0, 1
_FACTORS = 3


@dataclass(frozen=True, eq=False)
class Calibration:
    """Advances rows, float32 (batch, size), by one reading each; docs/calibration.md derives it.

    Gibbs and Candès, 2021 ("Adaptive Conformal Inference Under Distribution Shift"), in the form of Angelopoulos,
    Candès and Tibshirani, 2023 (quantile tracking): for each step ahead and each edge of a band the width between the
    median and the edge has a factor of its own. When the reading comes that a forecast was made for, its factor grows
    if the reading lies beyond the edge as it was answered, and shrinks a little if not.

    Row by row and number by number: whoever else is in a batch, and whatever its size, a row's numbers are the same.
    """

    horizon: int
    median: int  # column of a forecast
    edges: NDArray[np.int64]  # (edges,) columns of those that are held to their promise
    tails: NDArray[np.float64]  # (edges,) share of readings that may lie beyond each
    first: NDArray[np.int64]  # (quantiles,) the factor of a level lies between that of one edge …
    second: NDArray[np.int64]  # (quantiles,) … and that of another
    share: NDArray[np.float64]  # (quantiles,) of the second
    non_negative: bool = False  # what a bundle may say of its target: no quantile is below zero,
    integer: bool = False  # … all are whole numbers

    @classmethod
    def of(cls, manifest: Manifest) -> Calibration | None:
        """That of a bundle's quantiles, or None.

        None where it forecasts nothing but its median, does not stream, or forecasts from what is known ahead: that
        comes with a request and is in no journal, so a replay could not make the same forecasts again.
        """
        levels = np.array(manifest.quantiles)
        ordered = MEDIAN in levels and len(levels) > 1 and bool((np.diff(levels) > 0).all())
        if not manifest.streams or manifest.future or not ordered:
            return None
        count, tails = len(levels), np.minimum(levels, 1 - levels)
        edges: list[int] = []
        first, second, share = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
        for side in (np.flatnonzero(levels < MEDIAN), np.flatnonzero(levels > MEDIAN)):
            if len(side):
                outer, inner = int(side[tails[side].argmin()]), int(side[np.abs(tails[side] - INNER).argmin()])
                first[side] = second[side] = len(edges)
                edges.append(outer)
                if inner != outer:
                    second[side] = len(edges)
                    edges.append(inner)
                    share[side] = np.clip((tails[side] - tails[outer]) / (tails[inner] - tails[outer]), 0, 1)
        median = int(np.searchsorted(levels, MEDIAN))
        said = manifest.non_negative, manifest.integer
        return cls(manifest.horizon, median, np.array(edges), tails[edges], first, second, share, *said)

    @property
    def size(self) -> int:
        """Numbers in a row: even, as a monitor's are odd. So the length of what is beside a state tells what it is."""
        return (self._end + 1) // 2 * 2

    def initial(self) -> NDArray[np.float32]:
        """The row of a session before its first reading, (size,): all factors are 1, no forecast is waited for."""
        row = np.full(self.size, np.nan, np.float32)
        row[_VERSION] = VERSION
        row[_COUNT : _COUNT + 2] = 0
        row[_FACTORS : _FACTORS + self.horizon * len(self.edges)] = 1
        row[self._end :] = 0
        return row

    def fits(self, row: NDArray[np.float32]) -> bool:
        """Whether this is a row of this method; it may come from a file that somebody sent."""
        if row.shape != (self.size,) or row[_VERSION] != VERSION:
            return False
        factors, counted = self._parts(row[None])[0], row[_COUNT : _COUNT + 2]
        within = (factors >= NARROWEST) & (factors <= WIDEST)
        return bool(within.all() and ((counted >= 0) & (counted <= _HIGH)).all())

    def advance(
        self, rows: NDArray[np.float32], forecasts: NDArray[np.float64], target: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """New rows after a reading each, and its forecasts (batch, horizon, quantiles), calibrated.

        `target` (batch,) is the reading, NaN where it is missing: then nothing is learned from it. `forecasts` are the
        model's after it. Where one of them is not finite, nothing will be learned from it either.
        """
        new, each, ahead = rows.copy(), np.arange(len(rows))[:, None], np.arange(1, self.horizon + 1)
        count = _whole(rows)[:, None]
        factors, origins, edges = self._parts(new)
        # The forecast for now that was made `ahead` steps ago gives its place to the one that is made now.
        places = ahead * (ahead - 1) // 2 + count % ahead  # (batch, horizon)
        said, origin = edges[each, places], _sum(origins[each, (count - ahead) % self.horizon])
        off = target[:, None] - origin  # (batch, horizon)
        beyond = np.where(self.edges > self.median, off[..., None] > said, off[..., None] < said)
        known = np.isfinite(off)[..., None] & np.isfinite(said)  # (batch, horizon, edges)
        moved = np.minimum(np.maximum(factors * np.where(beyond, *self._steps), np.float32(NARROWEST)), WIDEST)
        factors[:] = np.where(known, moved, factors)
        calibrated = self.widen(new, forecasts)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told apart when its reading comes
            middle = calibrated[:, 0, self.median]
            high = middle.astype(np.float32)
            here = np.stack([high, (middle - high).astype(np.float32)], axis=1)  # (batch, 2)
            origins[each[:, 0], count[:, 0] % self.horizon] = here
            edges[each, places] = calibrated[:, :, self.edges] - _sum(here)[:, None, None]
        _put(new, count[:, 0] + 1)
        return new, calibrated

    def widen(self, rows: NDArray[np.float32], forecasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Forecasts (batch, horizon, quantiles) of a model as the rows say after their last reading.

        The median is the model's own, the others lie in order around it. A row that has learned nothing changes none.
        """
        factors, middle = self._parts(rows)[0].astype(np.float64), self.median
        first, second = factors[..., self.first], factors[..., self.second]
        with np.errstate(over="ignore", invalid="ignore"):  # a forecast that is not finite stays so, and is refused
            away = forecasts - forecasts[..., middle, None]
            wide = forecasts + (first + (second - first) * self.share - 1.0) * away
        for level in range(middle + 1, wide.shape[-1]):  # not `accumulate`, which takes five times as long
            np.maximum(wide[..., level], wide[..., level - 1], out=wide[..., level])
        for level in reversed(range(middle)):
            np.minimum(wide[..., level], wide[..., level + 1], out=wide[..., level])
        return held(np.asarray(wide), self)

    @cached_property
    def _steps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(horizon, edges) what a factor is multiplied by where a reading lies beyond its edge, and where not.

        In the mean a factor stays where it is if just the promised share lies beyond.
        """
        rates = np.minimum(QUICKEST, SLOWER / np.sqrt(np.arange(1, self.horizon + 1)))[:, None]
        return np.exp(rates * (1 - self.tails)).astype(np.float32), np.exp(-rates * self.tails).astype(np.float32)

    @property
    def _end(self) -> int:
        """Where the numbers of a row end that mean something."""
        return _FACTORS + 2 * self.horizon + len(self.edges) * (self.horizon + self._places)

    @property
    def _places(self) -> int:
        """Forecasts of a single step that are waited for: those so many steps ahead are as many."""
        return self.horizon * (self.horizon + 1) // 2

    def _parts(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Views of rows: factors (batch, horizon, edges), origins (batch, horizon, 2), edges (batch, places, edges).

        An origin is the median one step ahead of a forecast that is waited for, in two parts; edges are those that were
        answered, from their origin: so a register at 1e8 does not lose its decimals. Those of each number of steps
        ahead are a ring of as many places.
        """
        count, wide = len(self.edges), len(rows)
        bounds = _FACTORS + np.cumsum([0, self.horizon * count, 2 * self.horizon])
        factors, origins = rows[:, bounds[0] : bounds[1]], rows[:, bounds[1] : bounds[2]]
        edges = rows[:, bounds[2] : self._end]
        return (
            factors.reshape(wide, self.horizon, count, copy=False),
            origins.reshape(wide, self.horizon, 2, copy=False),
            edges.reshape(wide, self._places, count, copy=False),
        )


def _sum(parts: NDArray[np.float32]) -> NDArray[np.float64]:
    """(…,) the numbers of which these are the two parts (…, 2)."""
    wide = parts.astype(np.float64)
    with np.errstate(invalid="ignore"):  # those of a forecast that was not finite
        return np.asarray(wide[..., 0] + wide[..., 1])


def _whole(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    high, low = rows[:, _COUNT].astype(np.int64), rows[:, _COUNT + 1].astype(np.int64)
    return high * _HIGH + low


def _put(rows: NDArray[np.float32], count: NDArray[np.int64]) -> None:
    rows[:, _COUNT], rows[:, _COUNT + 1] = count // _HIGH, count % _HIGH
