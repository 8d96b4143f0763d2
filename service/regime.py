"""The regime flag: many reset gates leaving their own recent range at once, as a pure function of a monitor's row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest

VERSION = 1  # of the statistic: a row of another one is of no use, and is made again by a replay
WATCHED = ("r", "i")  # the first of these gates that a model has: reset gates, or an LSTM's input gates
SHORTEST_MEMORY = 168  # readings
WARM_UP = 1.5  # memories until there is a score: before, nobody knows what is usual
OUTSIDE = 3.0  # mean absolute deviations from its mean at which a unit has left its range
PACE = 3.0  # readings over which the share of those outside is smoothed
CLIP = 3.0  # deviations at most that one reading may add to a baseline: so a change does not become usual at once
SETTLING = 48  # readings before anything is clipped
LEAST_UNIT, LEAST_SHARE = 1e-3, 1e-2  # added to deviations, which may be zero
RAISE, LOWER = 3.5, 1.75  # scores at which the flag goes up, and below which it comes down
_HIGH = 2**20  # whole numbers are kept in two parts: float32 holds them up to 2^24 alone

# Columns of a row before the units' means and then their deviations.
_VERSION, _LEARNED, _STEP, _SINCE, _FLAG, _SHARE, _MEAN, _DEVIATION, _SCORE = 0, 1, 2, 4, 6, 7, 8, 9, 10
_UNITS = 11


@dataclass(frozen=True, eq=False)
class Regimes:
    """What rows say, by columns."""

    flag: NDArray[np.bool_]  # (rows,)
    score: NDArray[np.float64]  # (rows,) NaN as long as the baseline is being learned
    since: NDArray[np.int64]  # (rows,) the step at which the flag went up; -1 where it is down


@dataclass(frozen=True, eq=False)
class Watch:
    """Advances monitors, float32 rows (batch, size), by the gates of one reading each; docs/regime.md derives it.

    Row by row and number by number: whoever else is in a batch, and whatever its size, a row's numbers are the same.
    """

    units: NDArray[np.int64]  # the columns of a row of gates that are watched
    memory: int  # readings that the baselines span

    @classmethod
    def of(cls, manifest: Manifest) -> Watch | None:
        """The watch over a bundle's reset gates (an LSTM's input gates); None where it has neither, or no names."""
        if not manifest.streams:
            return None
        for wanted in WATCHED:
            slices = [part for part in manifest.gate_slices if part.name.rpartition(".")[2] == wanted]
            if slices:
                units = np.concatenate([np.arange(part.start, part.stop) for part in slices])
                return cls(units, max(SHORTEST_MEMORY, manifest.context))
        return None

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return _UNITS + 2 * len(self.units)

    @property
    def warm_up(self) -> int:
        """Readings with a value before there is a score."""
        return int(WARM_UP * self.memory)

    def initial(self, step: int = 0) -> NDArray[np.float32]:
        """The row of a session whose first reading will be that of `step`, (size,)."""
        row = np.zeros(self.size, np.float32)
        row[_VERSION] = VERSION
        _put(row[None], _STEP, np.array([step]))
        return row

    def fits(self, row: NDArray[np.float32]) -> bool:
        """Whether this is a row of this statistic."""
        return row.shape == (self.size,) and row[_VERSION] == VERSION

    def advance(
        self, rows: NDArray[np.float32], gates: NDArray[np.float32], seen: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """New rows after a reading each, whose gates are (batch, gates).

        Where nothing was `seen` (batch,), the reading was missing: it counts as a step and says nothing of the regime.
        """
        units = gates.take(self.units, axis=1)
        learns = seen & np.isfinite(units).all(axis=1)
        if learns.all():
            after = self._learn(rows, units)
        else:
            after = rows.copy()
            after[learns] = self._learn(rows[learns], units[learns])
        _put(after, _STEP, _whole(rows, _STEP) + 1)
        return after

    def read(self, rows: NDArray[np.float32]) -> Regimes:
        """What the rows say after their last reading."""
        flag = rows[:, _FLAG] > 0
        known = rows[:, _LEARNED] > self.warm_up
        return Regimes(flag, np.where(known, rows[:, _SCORE], np.nan), np.where(flag, _whole(rows, _SINCE), -1))

    def _learn(self, rows: NDArray[np.float32], units: NDArray[np.float32]) -> NDArray[np.float32]:
        half = len(self.units)
        new, learned = rows.copy(), rows[:, _LEARNED]
        rate = np.maximum(1 / (learned + 1), np.float32(1 / self.memory))  # (batch,) a plain mean at first
        free = learned < SETTLING
        means, deviations = rows[:, _UNITS : _UNITS + half], rows[:, _UNITS + half :]
        away, room = units - means, deviations + np.float32(LEAST_UNIT)  # (batch, units)
        outside = np.count_nonzero(np.abs(away) > OUTSIDE * room, axis=1)
        share = (outside / half).astype(np.float32)
        share = np.where(learned == 0, share, rows[:, _SHARE] + (share - rows[:, _SHARE]) / np.float32(PACE))
        above, width = share - rows[:, _MEAN], rows[:, _DEVIATION] + np.float32(LEAST_SHARE)
        score = np.where(learned >= self.warm_up, above / width, np.float32(0))
        raised = np.where(rows[:, _FLAG] > 0, score > LOWER, score >= RAISE)
        new[:, _LEARNED], new[:, _SHARE], new[:, _SCORE], new[:, _FLAG] = learned + 1, share, score, raised
        _put(new, _SINCE, np.where(raised & (rows[:, _FLAG] == 0), _whole(rows, _STEP), _whole(rows, _SINCE)))
        above = _clipped(above, width, free)
        new[:, _MEAN] += rate * above
        new[:, _DEVIATION] += rate * (np.abs(above) - rows[:, _DEVIATION])
        away, rate = _clipped(away, room, free[:, None]), rate[:, None]
        new[:, _UNITS : _UNITS + half] += rate * away
        new[:, _UNITS + half :] += rate * (np.abs(away) - deviations)
        return new


def _clipped(away: NDArray[np.float32], room: NDArray[np.float32], free: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`away` within `CLIP` of `room`, but where it is free."""
    limit = np.where(free, np.float32(np.inf), np.float32(CLIP)) * room  # room is above 0
    return np.minimum(np.maximum(away, -limit), limit)


def _whole(rows: NDArray[np.float32], column: int) -> NDArray[np.int64]:
    high, low = rows[:, column].astype(np.int64), rows[:, column + 1].astype(np.int64)
    return high * _HIGH + low


def _put(rows: NDArray[np.float32], column: int, numbers: NDArray[np.int64]) -> None:
    rows[:, column], rows[:, column + 1] = numbers // _HIGH, numbers % _HIGH
