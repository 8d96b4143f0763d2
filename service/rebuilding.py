"""Brings the sessions of a model that serves into one that follows it: replays from the journal, beside the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.batching import padded
from service.convoy import FETCHED, FREE, Convoy, Passenger
from service.core import Core
from service.errors import JournalDamaged, JournalError, ModelFailed, StaleSession, StateLost, UnknownSession
from service.followed import Moved
from service.journal import Head
from service.links import Links
from service.pace import Pace
from service.sessions import NOWHERE, UNKNOWN

PATIENCE = 4  # turns after which something is done though there is never time for it: so it ends
FILLED = 0.75  # of a piece, rows by steps
MOST_UNITS = 64  # in a turn: so that it ends though a clock stands still

Rows = NDArray[np.int64]


@dataclass(eq=False)
class Rebuilding:
    """Some sessions at a time, those first that came first, a few readings of all of them together.

    Nothing is begun that is not expected to end in time: a unit of work sets out with one session, fetches readings of
    one, or runs a piece, whose width and length are what was seen to fit. What comes live meanwhile is taken along, so
    each ends just where the leader stands.
    """

    core: Core
    leader: Core
    links: Links
    clock: Callable[[], float]
    strict: bool = True  # whether one forecast that is not finite ends all
    rebuilt: int = 0
    lost: int = 0  # whose readings are damaged, or of whom this model has no finite forecast
    first: set[int] = field(default_factory=set)  # those that were live at the beginning and are not done yet
    _line: dict[int, None] = field(default_factory=dict)
    _convoy: Convoy = field(init=False)
    _beginning: Pace = field(default_factory=Pace)
    _fetching: Pace = field(default_factory=Pace)
    _pieces: dict[tuple[int, int], Pace] = field(default_factory=dict)  # by kind and rows, of their length
    _grown: float = 0.0  # readings that came for each on its way since they last moved
    _idle: int = 0  # turns with all the time since something was done

    def __post_init__(self) -> None:
        settings = self.core.settings
        together = settings.follower_batch if self.core.runtime.any_size else settings.history_batch
        self._convoy = Convoy(self.core, min(together, settings.max_resident))

    def __len__(self) -> int:
        return len(self._line) + len(self._convoy)

    def want(self, rows: Iterable[int]) -> None:
        """Puts sessions, rows of the leader's table, at the end of the line; not those that are in it."""
        for row in rows:
            if row not in self._convoy:
                self._line.setdefault(row)

    def forget_all(self) -> None:
        """Whoever is on the way does not arrive."""
        for seat in self._convoy.seats.tolist():
            self._end(seat)

    def came(self, moved: Moved) -> None:
        """Readings that the leader has recorded: those that are on their way take theirs along."""
        if len(self._convoy):
            self._grown += self._convoy.came(moved) / len(self._convoy)

    def turn(self, until: float, least: bool = False) -> bool:
        """Units of work that are expected to end before `until`; False if there was nothing to do.

        With `least` it has all the time there is: if none fitted several times, one is done all the same.
        """
        self._leave()
        if not len(self):
            return False
        units = 0
        try:
            while units < MOST_UNITS and (left := until - self.clock()) > 0 and self._unit(left):
                units += 1
            self._idle = 0 if units else self._idle + least
            if self._idle >= PATIENCE:
                self._idle = 0
                self._unit(None)
        except JournalError as error:  # no fault of the model: it goes on when the journal can be read again
            self.leader.fault(error)
            return False
        return True

    def _unit(self, seconds: float | None) -> bool:
        """The next one, if it is expected to take no longer; None: the least of it in any case. False: none."""
        if self._line and not self._convoy.full:
            return self._timed(self._beginning, seconds, self._begin)
        seats = self._convoy.seats
        hungry = seats[self._convoy.step[seats] == self._convoy.end[seats]]
        if len(hungry):
            return self._timed(self._fetching, seconds, lambda: self._fetch(int(hungry[0])))
        return bool(len(seats)) and self._piece(seats, seconds)

    def _timed(self, pace: Pace, seconds: float | None, work: Callable[[], None]) -> bool:
        if seconds is not None and not pace.fitting(1, seconds):
            return False
        began = self.clock()
        work()
        pace.took(1, self.clock() - began)
        return True

    def _begin(self) -> None:
        """Sets out with the next session; it stays the next one where the journal cannot be read."""
        row = next(iter(self._line))
        self._set_out(row)
        del self._line[row]

    def _set_out(self, row: int) -> None:
        """From where the follower stands if it is there, else as a replay does."""
        table, rows = self.leader.table, np.array([row])
        live = table.key[row] >= 0 and table.slot[row] != NOWHERE and table.last_step[row] >= 0
        if not live or self.links.ready(rows, table.key[rows], table.revision[rows], table.last_step[rows])[1].all():
            self.first.discard(row)
            return
        start, values = int(table.start[row]), np.empty((0, self.core.bundle.width))
        try:
            theirs, step = self._here(row)
            if theirs != UNKNOWN:
                saved = int(self.core.table.saved_step[theirs])
                (body,) = self.core.cache.bodies(np.array([theirs]))
            else:
                theirs = self.core.registry.adopt(self._head(row))
                replay = self.core.replays.pasts.load(theirs, int(table.last_step[row]), FETCHED)
                step = saved = replay.saved_step
                body, values = replay.state, replay.values
        except (StateLost, JournalDamaged):
            self._lose(row)
            return
        except (UnknownSession, StaleSession):  # another process has moved it: it comes when it speaks
            self.first.discard(row)
            return
        seat = self._convoy.board(Passenger(row, self._session(row), theirs, start, step, saved, body))
        self._convoy.load(seat, values)
        self._arrive(np.array([seat]))

    def _here(self, row: int) -> tuple[int, int]:
        """Where the follower has a state of this session: its row and step; UNKNOWN if it has none to go on from."""
        table, leader = self.core.table, self.leader.table
        theirs = table.row(leader.name(row))
        if theirs == UNKNOWN or table.slot[theirs] == NOWHERE:
            return UNKNOWN, 0
        session, step = (int(table.key[theirs]), int(table.revision[theirs])), int(table.last_step[theirs])
        return (theirs, step) if session == self._session(row) and step <= leader.last_step[row] else (UNKNOWN, 0)

    def _head(self, row: int) -> Head:
        table = self.leader.table
        return Head(
            key=int(table.key[row]),
            name=table.name(row),
            start=int(table.start[row]),
            revision=int(table.revision[row]),
            last_step=int(table.last_step[row]),
            last_values=table.last_values[row].copy(),
            origin="",
            static=self.leader.known.named(table.static[row]),
            regime=bool(table.regime[row]),
            calibrate=bool(table.calibrate[row]),
            quality=bool(table.quality[row]),
            first_step=int(table.first_step[row]),
        )

    def _fetch(self, seat: int) -> None:
        """The next readings of one that has none ahead."""
        convoy = self._convoy
        row, step = int(convoy.rows[seat]), int(convoy.step[seat])
        last = min(int(self.leader.table.last_step[row]), step + FETCHED)
        try:
            values = self.core.registry.journal.readings(int(convoy.keys[seat]), step + 1, last)
        except JournalDamaged:
            values = np.empty((0, self.core.bundle.width))
        except UnknownSession:
            self._end(seat)
            return
        if len(values) == last - step:
            convoy.load(seat, values)
        else:  # the journal does not have all of what is live
            self._lose(row)

    def _piece(self, seats: NDArray[np.int64], seconds: float | None) -> bool:
        """The next readings of those that came first, as many of them and as far as there is time."""
        convoy = self._convoy
        kind = int(convoy.kind[seats[0]])
        seats = seats[convoy.kind[seats] == kind]
        if seconds is None:  # what takes hardly longer than the least that can be done
            seconds = 2 * self._pace(1, kind).expected(1)
        if not self._pace(1, kind).known:  # the first one tells
            seats = seats[:1]
        ahead = convoy.end[seats] - convoy.step[seats]
        rows, steps = self._shape(ahead, kind, seconds)
        if not steps:
            return False
        seats, ahead, pace, self._grown = seats[:rows], ahead[:rows], self._pace(rows, kind), 0.0
        if not self.core.runtime.any_size:
            steps = min(padded(steps + 1) // 2, self.core.settings.chunk)  # a shape that was warmed up
        taken = int(np.minimum(ahead, steps).sum())
        began = self.clock()
        wanted = convoy.step[seats] + np.minimum(ahead, steps) == self.leader.table.last_step[convoy.rows[seats]]
        forecasts = convoy.run(seats, steps, wanted)
        if self.strict:
            check_finite(forecasts[wanted])
        fit = ~wanted | np.isfinite(forecasts).all(axis=(1, 2))
        for row in convoy.rows[seats[~fit]].tolist():
            self._lose(row)
        self._arrive(seats[fit])
        if taken >= FILLED * steps * len(seats):  # else it says too little of one whose rows are all as long
            pace.took(steps, (self.clock() - began) * padded(rows) / rows)  # as if there were as many as may be
        return True

    def _shape(self, ahead: NDArray[np.int64], kind: int, seconds: float) -> tuple[int, int]:
        """How many go together and how far, so that most is gained on what comes meanwhile; 0 steps: there is no time.

        Where readings come as fast as so many sessions move, fewer of them get there.
        """
        rows, best, most = len(ahead), (0, 0), -np.inf
        while rows:
            pace = self._pace(rows, kind)
            steps = pace.fitting(int(ahead[:rows].max()), seconds)
            if steps and not pace.known:
                return rows, steps
            gained = rows * (steps - self._grown) if steps else -np.inf
            if gained > most or (steps and most <= 0):
                best, most = (rows, steps), gained
            rows //= 2
        return best

    def _pace(self, rows: int, kind: int) -> Pace:
        """Of pieces of so many rows; as long as none was seen, fewer rows let guess what a step takes."""
        rows = padded(rows)
        known = self._pieces.get((kind, rows))
        if known is None or not known.known:
            fewer = [each for (of, each), pace in self._pieces.items() if of == kind and each < rows and pace.known]
            most = max(fewer, default=0)
            known = Pace(self._pieces[kind, most].expected(1) * rows / most if most else 0.0)
            self._pieces[kind, rows] = known
        return known

    def _arrive(self, seats: NDArray[np.int64]) -> None:
        """Those that stand where the leader's sessions stand are done: into the arena with them."""
        convoy, leader, table = self._convoy, self.leader.table, self.core.table
        there = seats[convoy.step[seats] == leader.last_step[convoy.rows[seats]]]
        if not len(there):
            return
        rows, theirs = convoy.rows[there], convoy.theirs[there]
        self.core.cache.touch(theirs)
        self.core.cache.install(theirs, convoy.bodies(there))
        table.advance(theirs, leader.last_step[rows], leader.last_values[rows])
        table.saved_step[theirs] = convoy.saved_step[there]
        self.links.tie(rows, theirs)
        self.rebuilt += len(there)
        for seat in there.tolist():
            self._end(seat)

    def _leave(self) -> None:
        """Those that were deleted or begun anew meanwhile are not waited for."""
        convoy, leader = self._convoy, self.leader.table
        taken = np.flatnonzero(convoy.rows != FREE)
        rows = convoy.rows[taken]
        same = (leader.key[rows] == convoy.keys[taken]) & (leader.revision[rows] == convoy.revisions[taken])
        for seat in taken[~same].tolist():
            self._end(seat)

    def _lose(self, row: int) -> None:
        self.lost += 1
        self.first.discard(row)
        if row in self._convoy:
            self._end(int(np.flatnonzero(self._convoy.rows == row)[0]))

    def _end(self, seat: int) -> None:
        self.first.discard(int(self._convoy.rows[seat]))
        self._convoy.alight(seat)

    def _session(self, row: int) -> tuple[int, int]:
        return int(self.leader.table.key[row]), int(self.leader.table.revision[row])


def check_finite(forecasts: NDArray[np.float64]) -> None:
    """`ModelFailed` if one of them is not."""
    if not np.isfinite(forecasts).all():
        raise ModelFailed("its forecast after a recorded reading is not finite")
