"""How good a session's forecasts are, each held against the reading that it was made for: a pure function of a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service import drift, tails
from service.bundle import Manifest
from service.noted import Noted
from service.surprise import surprise

VERSION = 1  # of the method: a row of another one is of no use, and is made again by a replay
MEDIAN, TAIL = 0.5, 0.1  # of the band whose coverage is told, or of the one that is nearest
SCORED = 5  # numbers of steps ahead that are scored: 1, the horizon, and what lies between
SEASONS, SHORTEST_MEMORY = 4, 256  # that the means span, in seasons and in readings
LEARNING = 100  # forecasts that were scored until it is told how rare a reading is
SPAN = 12  # readings over which the surprise that lasts is smoothed
MOST = 2**24  # the largest number that a count of float32 reaches
_HIGH = 2**20  # the count of readings is kept in two parts

# Columns of a row before the factors, the quiet, the drift, the means, the forecasts and the season.
_VERSION, _COUNT, _RARITY, _SURPRISE, _SIDE, _LASTS, _LASTING = 0, 1, 3, 4, 5, 6, 7
_BEGIN = 8
LINES = 3  # of scores that are calibrated: this reading's surprise, the lasting one, and the rarer of both

# Of each number of steps ahead: forecasts that were scored, those of them beside the naive, and running means.
COUNTED, PAIRED, ERROR, LOSS, COVERAGE, BESIDE, NAIVE = range(7)
MEANS = 7
# What is told of a row before what is told of each number of steps ahead.
TOLD_RARITY, TOLD_SURPRISE, TOLD_SIDE, TOLD_LASTS, TOLD_DRIFT, TOLD = 0, 1, 2, 3, 4, 5

Rows = NDArray[np.float32]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Quality:
    """Advances rows, float32 (batch, size), by one reading each; docs/quality.md derives it.

    Row by row and number by number: whoever else is in a batch, and whatever its size, a row's numbers are the same.
    """

    levels: Numbers  # (quantiles,)
    edges: tuple[int, int]  # columns of the band whose coverage is told
    ahead: NDArray[np.int64]  # (scored,) numbers of steps ahead
    season: int
    avoided: int = 0  # numbers that a row must not have: something else beside a state has as many

    @classmethod
    def of(cls, manifest: Manifest, avoided: int = 0) -> Quality | None:
        """That of a bundle's quantiles, or None.

        None where it does not stream, has no band around a median, or forecasts from what is known ahead: that comes
        with a request and is in no journal, so a replay could not make the same forecasts again.
        """
        levels = np.array(manifest.quantiles)
        if not manifest.streams or manifest.future or not (np.diff(levels) > 0).all() or MEDIAN not in levels:
            return None
        low = np.flatnonzero(levels < MEDIAN)
        pairs = [(at, int(np.abs(levels - (1 - levels[at])).argmin())) for at in low.tolist()]
        pairs = [(at, other) for at, other in pairs if abs(levels[at] + levels[other] - 1) < 1e-6]
        if not pairs:
            return None
        edges = min(pairs, key=lambda pair: abs(levels[pair[0]] - TAIL))
        return cls(levels, edges, steps_ahead(manifest.horizon), season_of(manifest), avoided)

    @property
    def band(self) -> float:
        """The share of readings that the band promises to hold."""
        low, high = self.edges
        return float(round(self.levels[high] - self.levels[low], 6))

    @property
    def memory(self) -> int:
        """Forecasts that the running means span."""
        return max(SHORTEST_MEMORY, SEASONS * self.season)

    @property
    def size(self) -> int:
        """Numbers in a row: even, as a monitor's are odd, and not as many as a calibration's."""
        size = (self._bounds[-1] + 1) // 2 * 2
        return size + 2 if size == self.avoided else size

    @property
    def told(self) -> int:
        """Numbers that `read` tells of a row."""
        return TOLD + MEANS * len(self.ahead)

    def initial(self) -> Rows:
        """The row of a session before its first reading, (size,)."""
        row = np.full(self.size, np.nan, np.float32)
        row[:_BEGIN] = 0
        row[_VERSION] = VERSION
        row[[_RARITY, _SURPRISE, _SIDE]] = np.nan
        factors, quiet, drifts, means, *_ = self._parts(row[None])
        factors[:], quiet[:], drifts[:], means[:] = 1, tails.QUIET, 0, 0
        row[self._bounds[-1] :] = 0
        return row

    def fits(self, row: Rows) -> bool:
        """Whether this is a row of this method; it may come from a file that somebody sent."""
        if row.shape != (self.size,) or row[_VERSION] != VERSION:
            return False
        factors, quiet, drifts, means, *_ = self._parts(row[None])
        counted = row[_COUNT : _COUNT + 2]
        whole = bool(((counted >= 0) & (counted <= _HIGH)).all() and np.isfinite(row[_LASTING]))
        whole &= bool(((quiet >= 0) & (quiet <= tails.QUIET)).all()) and tails.sound(factors)
        return whole and bool(np.isfinite(means).all() and (means >= 0).all() and drift.sound(drifts))

    def advance(self, rows: Rows, forecasts: Numbers, target: Numbers) -> tuple[Rows, Noted]:
        """New rows after a reading each, and what it said of the forecasts for it.

        `target` (batch,) is the reading, NaN where it is missing: then nothing is scored. `forecasts` (batch, horizon,
        quantiles) are those that are answered after it.
        """
        new, each, count = rows.copy(), np.arange(len(rows))[:, None], _whole(rows)[:, None]
        factors, quiet, drifts, means, waiting, season = self._parts(new)
        # The forecast for now that was made so many steps ago gives its place to the one that is made now.
        places = self._places + count % self.ahead  # (batch, scored)
        due = waiting[each, places].astype(np.float64)  # (batch, scored, quantiles + 2)
        with np.errstate(invalid="ignore"):  # those of forecasts that were not finite
            said = due[..., 1:] + due[..., :1]  # (batch, scored, quantiles + 1)
            held, naive = said[..., :-1], said[..., -1]
            known = np.isfinite(held).all(axis=-1) & np.isfinite(target)[:, None]
            off = np.where(known[..., None], target[:, None, None] - held, 0.0)
            seen = np.abs(target[:, None] - naive)  # (batch, scored) the naive's error
        paired = known & np.isfinite(seen)
        sums = self._score(means, off, np.where(paired, seen, 0.0), known, paired)
        self._judge(new, factors, quiet, target, held, known, means[:, 0, COUNTED])
        drift.advance(drifts, target, self._pace)
        self._wait(waiting, season, places, count, forecasts, target)
        _put(new, count[:, 0] + 1)
        return new, Noted(sums, new[:, _RARITY].astype(np.float64))

    def read(self, rows: Rows) -> Numbers:
        """What the rows say after their last reading, (rows, told): `TOLD_…`, then the means by steps ahead."""
        _, _, drifts, means, *_ = self._parts(rows)
        told = np.empty((len(rows), self.told))
        told[:, [TOLD_RARITY, TOLD_SURPRISE, TOLD_SIDE, TOLD_LASTS]] = rows[:, [_RARITY, _SURPRISE, _SIDE, _LASTS]]
        told[:, TOLD_DRIFT] = drift.read(drifts, self._pace)
        told[:, TOLD:] = means.reshape(len(rows), -1)
        return told

    def _score(
        self, means: Rows, off: Numbers, seen: Numbers, known: NDArray[np.bool_], paired: NDArray[np.bool_]
    ) -> Numbers:
        """Moves the means (batch, scored, MEANS) on and returns the sums (batch, scored, SUMS)."""
        low, high = self.edges
        error = np.abs(off[..., self._median])
        loss = np.maximum(self.levels * off, (self.levels - 1) * off).mean(axis=-1)
        inside = (off[..., low] >= 0) & (off[..., high] <= 0)
        for column, counter, score, counts in (
            (ERROR, COUNTED, error, known),
            (LOSS, COUNTED, loss, known),
            (COVERAGE, COUNTED, inside, known),
            (BESIDE, PAIRED, error, paired),
            (NAIVE, PAIRED, seen, paired),
        ):
            rate = 1 / np.minimum(means[..., counter] + 1, self.memory)  # a plain mean at first
            before = means[..., column]
            means[..., column] = np.where(counts, before + rate * (score - before), before)
        means[..., COUNTED] = np.minimum(means[..., COUNTED] + known, MOST)
        means[..., PAIRED] = np.minimum(means[..., PAIRED] + paired, MOST)
        unit = means[..., NAIVE].astype(np.float64)
        scaled = paired & (unit > 0)
        unit = np.where(scaled, unit, 1.0)
        amounts = [np.where(scaled, score / unit, 0.0) for score in (error, loss, seen)]
        return np.stack([known, known & inside, scaled, *amounts], axis=-1).astype(np.float64)

    def _judge(
        self,
        new: Rows,
        factors: Rows,
        quiet: Rows,
        target: Numbers,
        held: Numbers,
        known: NDArray[np.bool_],
        scored: Rows,
    ) -> None:
        """How rare the reading is: from how far it lies in the tails, and how rare that has been in this session."""
        score, side = surprise(target, held, self.levels, known)  # (batch, scored)
        here = known[:, 0]
        lasting = new[:, _LASTING].astype(np.float64)
        counted = known.sum(axis=1)
        drawn = np.where(known, score * side, 0.0).sum(axis=1) / np.maximum(counted, 1)
        lasting = np.where(counted > 0, lasting + (drawn - lasting) / SPAN, lasting)
        lines = np.stack([score[:, 0], np.abs(lasting)], axis=1)  # (batch, 2)
        rare = tails.rarity(factors[:, :2], lines)
        worst = rare.max(axis=1, keepdims=True)
        rarity = tails.rarity(factors[:, 2:], worst)[:, 0]
        tails.learn(factors, quiet, np.concatenate([lines, worst], axis=1), here, scored)
        new[:, _RARITY] = np.where(here & (scored > LEARNING), rarity, np.nan)
        new[:, _SURPRISE] = np.where(here, score[:, 0], np.nan)
        lasts = rare[:, 1] > rare[:, 0]
        new[:, _LASTS] = here & lasts
        new[:, _SIDE] = np.where(here, np.where(lasts, np.sign(lasting), side[:, 0]), np.nan)
        new[:, _LASTING] = lasting

    def _wait(
        self,
        waiting: Rows,
        season: Rows,
        places: NDArray[np.int64],
        count: NDArray[np.int64],
        forecasts: Numbers,
        target: Numbers,
    ) -> None:
        """Keeps what was forecast now until its reading comes, and the naive's word for it."""
        each, here = np.arange(len(waiting)), count[:, 0] % self.season
        missing = np.isnan(target)  # where a reading is missing the one a season earlier stands in
        high, low = _split(target)
        season[each, here, 0] = np.where(missing, season[each, here, 0], high)
        season[each, here, 1] = np.where(missing, season[each, here, 1], low)
        naive = season[each[:, None], (count + self.ahead) % self.season].astype(np.float64)  # (batch, scored, 2)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told apart when its reading comes
            chosen = forecasts[:, self.ahead - 1]  # (batch, scored, quantiles)
            origin = chosen[..., self._median].astype(np.float32)
            kept = np.concatenate([chosen, naive.sum(axis=-1, keepdims=True)], axis=-1)
            kept -= origin[..., None].astype(np.float64)
            waiting[each[:, None], places, 0] = origin
            waiting[each[:, None], places, 1:] = kept

    @cached_property
    def _median(self) -> int:
        return int(np.searchsorted(self.levels, MEDIAN))

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """(scored,) where the forecasts of each number of steps ahead begin: a ring of as many places."""
        return np.cumsum(self.ahead) - self.ahead

    @cached_property
    def _pace(self) -> drift.Pace:
        return drift.Pace.of(self.season)

    @cached_property
    def _bounds(self) -> list[int]:
        """Where the parts of a row begin and the last one ends."""
        scored, width = len(self.ahead), len(self.levels) + 2
        sizes = 3 * LINES, 3 * LINES, drift.SIZE, MEANS * scored, width * int(self.ahead.sum()), 2 * self.season
        return [int(at) for at in _BEGIN + np.cumsum([0, *sizes])]

    def _parts(self, rows: Rows) -> tuple[Rows, Rows, Rows, Rows, Rows, Rows]:
        """Views of rows: factors and quiet (batch, lines, 3), drift (batch, SIZE), means (batch, scored, MEANS),
        forecasts that are waited for (batch, places, 1 + quantiles + 1), the last season (batch, season, 2).

        A forecast is its median in float32, then what its quantiles and the naive are beyond that: so a register at 1e8
        does not lose its decimals. A reading of the season is in two parts.
        """
        batch, scored, width = len(rows), len(self.ahead), len(self.levels) + 2
        factors, quiet, drifts, means, waiting, season = (
            rows[:, begin:end] for begin, end in zip(self._bounds, self._bounds[1:], strict=False)
        )
        return (
            factors.reshape(batch, LINES, 3, copy=False),
            quiet.reshape(batch, LINES, 3, copy=False),
            drifts,
            means.reshape(batch, scored, MEANS, copy=False),
            waiting.reshape(batch, -1, width, copy=False),
            season.reshape(batch, self.season, 2, copy=False),
        )


def steps_ahead(horizon: int) -> NDArray[np.int64]:
    """The numbers of steps ahead that are scored of such a horizon, evenly apart in their logarithms."""
    return np.unique(np.geomspace(1, horizon, SCORED).round().astype(np.int64))


def season_of(manifest: Manifest) -> int:
    """The season, in steps, whose naive did best when the model was tested; the shortest where that is not known."""
    seasons = Frequency.parse(manifest.frequency).seasons()
    tested = manifest.metrics.get("seasonal_naive")
    errors = tested if isinstance(tested, dict) else {}
    found = {season: each.get("mae") for season in seasons if isinstance(each := errors.get(str(season)), dict)}
    known = {season: error for season, error in found.items() if isinstance(error, int | float)}
    return min(known, key=lambda season: known[season]) if known else seasons[0]


def _split(numbers: Numbers) -> tuple[Rows, Rows]:
    """Two parts in float32 of which each number is the sum."""
    high = numbers.astype(np.float32)
    return high, (numbers - high).astype(np.float32)


def _whole(rows: Rows) -> NDArray[np.int64]:
    high, low = rows[:, _COUNT].astype(np.int64), rows[:, _COUNT + 1].astype(np.int64)
    return high * _HIGH + low


def _put(rows: Rows, count: NDArray[np.int64]) -> None:
    rows[:, _COUNT], rows[:, _COUNT + 1] = count // _HIGH, count % _HIGH
