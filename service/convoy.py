"""Sessions on their way to where another model's stand: each has a seat, and those that sit together move together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.batching import PADDING, padded
from service.core import Core
from service.followed import Moved
from service.runtimes import Arena

FETCHED = 1024  # readings of a session that are asked of the journal at a time, so that no past is too long to fetch
ROOM = 2 * FETCHED  # readings ahead in a seat; what comes live beyond them is fetched when it is its turn
FREE = -1  # the leader's row of a seat that nobody has

Seats = NDArray[np.int64]


@dataclass(frozen=True)
class Passenger:
    """A session that sets out."""

    row: int  # of the leader's table
    session: tuple[int, int]  # key and revision
    theirs: int  # row of the follower's table
    start: int  # time of its step 0
    step: int  # that the body stands after
    saved_step: int
    body: NDArray[np.float32]  # a whole row: [model | calibration | monitor], as its session is


class Convoy:
    """All by columns, so that moving sixty sessions costs little more than moving one.

    `step` is where a seat's state stands, `end` the last step whose reading is at hand.
    """

    def __init__(self, core: Core, seats: int) -> None:
        self._core = core
        self.rows, self.keys, self.revisions, self.theirs, self.starts, self.step, self.end, self.saved_step = (
            np.full(seats, FREE) for _ in range(8)
        )
        self.kind = np.zeros(seats, np.int64)
        self._beside: list[NDArray[np.float32] | None] = [None] * seats  # (size,) of those that are not plain
        self._base = np.zeros(seats, np.int64)  # the step of a seat's first reading
        self._came = np.zeros(seats, np.int64)  # the higher, the later
        self._boarded = 0
        self._seat_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._seat_of)

    def __contains__(self, row: int) -> bool:
        return row in self._seat_of

    @property
    def full(self) -> bool:
        return len(self) == len(self.rows)

    @property
    def seats(self) -> Seats:
        """Those that are taken, first come first."""
        taken = np.flatnonzero(self.rows != FREE)
        return taken[self._came[taken].argsort()]

    @cached_property
    def _arena(self) -> Arena:
        return self._core.runtime.arena(len(self.rows) + 1)

    @cached_property
    def _values(self) -> NDArray[np.float64]:
        return np.full((len(self.rows) * ROOM + 1, self._core.bundle.width), np.nan)  # the last one is padding's

    @cached_property
    def _times(self) -> NDArray[np.int64]:
        return np.zeros(len(self.rows) * ROOM + 1, np.int64)

    def board(self, who: Passenger) -> int:
        """Gives a seat, of which one must be free."""
        seat = int(np.flatnonzero(self.rows == FREE)[0])
        self.rows[seat], (self.keys[seat], self.revisions[seat]) = who.row, who.session
        self.theirs[seat], self.starts[seat], self.saved_step[seat] = who.theirs, who.start, who.saved_step
        self.step[seat] = self.end[seat] = who.step
        states, beside = self._core.cache.monitors.split(who.body[None])
        self.kind[seat] = self._core.cache.monitors.kind_of(len(who.body))
        self._arena.write(np.array([seat + 1]), states)
        self._beside[seat] = None if beside is None else beside[0]
        self._boarded += 1
        self._came[seat], self._seat_of[who.row] = self._boarded, seat
        return seat

    def alight(self, seat: int) -> None:
        """The seat is free again."""
        del self._seat_of[int(self.rows[seat])]
        self.rows[seat], self._beside[seat] = FREE, None

    def load(self, seat: int, values: NDArray[np.float64]) -> None:
        """Readings (n, width) after its step, for one that has none ahead; at most `FETCHED`."""
        first = int(self.step[seat]) + 1
        self._base[seat], self.end[seat] = first, first - 1 + len(values)
        steps, begin = np.arange(first, first + len(values)), seat * ROOM
        self._values[begin : begin + len(values)] = values
        self._times[begin : begin + len(values)] = self._core.frequency.times(int(self.starts[seat]), steps)

    def came(self, moved: Moved) -> int:
        """Takes live readings along, where they are the next ones and there is room; returns how many came."""
        turns, came = moved.turns, 0
        for at in np.flatnonzero(np.isin(turns.rows, self.rows[self.rows != FREE])).tolist():
            seat, length = self._seat_of[int(turns.rows[at])], int(turns.lengths[at])
            came += length
            same = self.keys[seat] == moved.keys[at] and self.revisions[seat] == moved.revisions[at]
            ahead = int(self.end[seat] + 1 - self._base[seat])
            if same and ahead <= ROOM - length and self.end[seat] == moved.before[at]:
                readings = turns.readings[turns.offsets[at] : turns.offsets[at] + length]
                begin = seat * ROOM + ahead
                self._values[begin : begin + length] = moved.values[readings]
                self._times[begin : begin + length] = moved.times[readings]
                self.end[seat] += length
        return came

    def run(self, seats: Seats, steps: int, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Moves these, all of one kind, on by so many readings or as many as they have, at least one.

        Forecasts (seats, horizon, quantiles), of which only those that are wanted mean anything.
        """
        lengths = np.minimum(self.end[seats] - self.step[seats], steps)
        first = seats * ROOM + self.step[seats] + 1 - self._base[seats]
        along = np.arange(padded(int(lengths.max())))  # a width that was warmed up
        positions = np.where(along < lengths[:, None], first[:, None] + along, PADDING)
        columns, static = (self._values, self._times), self._core.table.statics(self.theirs[seats])
        if (before := self._of(seats)) is not None:
            ran = self._core.stepper.run(self._arena, seats + 1, positions, lengths, *columns, None, static, before)
            forecasts = ran.forecasts
            self._arena.scatter(seats + 1, ran.states)
            assert ran.beside is not None
            for seat, row in zip(seats.tolist(), ran.beside, strict=True):
                self._beside[seat] = row
        elif self._core.runtime.any_size:  # steps cost less than their sequences, and the least of them little
            forecasts = self._core.stepper.move(self._arena, seats + 1, positions, lengths, *columns, static, wanted)
        else:
            model = self._core.model
            forecasts, states = model.sequence(self._arena, seats + 1, positions, lengths, *columns, None, static)
            self._arena.scatter(seats + 1, states)
        self.step[seats] += lengths
        return forecasts

    def bodies(self, seats: Seats) -> NDArray[np.float32]:
        """The whole rows of these, all of one kind."""
        states, beside = self._arena.read(seats + 1), self._of(seats)
        return states if beside is None else np.concatenate([states, beside], axis=1)

    def _of(self, seats: Seats) -> NDArray[np.float32] | None:
        """What these, all of one kind, have beside their states, (seats, size); None if that is nothing."""
        rows = [row for seat in seats.tolist() if (row := self._beside[seat]) is not None]
        return np.stack(rows) if rows else None
