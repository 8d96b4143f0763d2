"""Brings the sessions of a model that serves into one that follows it: replays from the journal, beside the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from service.batching import padded
from service.core import Core
from service.errors import JournalDamaged, ModelFailed, StateLost, UnknownSession
from service.followed import Moved
from service.journal import Head
from service.journey import FETCHED, Journey
from service.links import Links
from service.pace import Pace
from service.sessions import NOWHERE, UNKNOWN

PATIENCE = 4  # batches after which something is done though there is no time for it: so it ends under any load
BY_STEP = 16  # rows
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
    rebuilt: int = 0
    lost: int = 0  # whose readings are damaged: no model can have their state
    first: set[int] = field(default_factory=set)  # those that were live at the beginning and are not done yet
    _line: dict[int, None] = field(default_factory=dict)
    _under_way: dict[int, Journey] = field(default_factory=dict)
    _beginning: Pace = field(default_factory=Pace)
    _fetching: Pace = field(default_factory=Pace)
    _pieces: dict[tuple[bool, int], Pace] = field(default_factory=dict)  # by kind and rows, of their length
    _idle: int = 0  # batches since something was done

    def __len__(self) -> int:
        return len(self._line) + len(self._under_way)

    def want(self, rows: Iterable[int]) -> None:
        """Puts sessions, rows of the leader's table, at the end of the line; not those that are in it."""
        for row in rows:
            if row not in self._under_way:
                self._line.setdefault(row)

    def came(self, moved: Moved) -> None:
        """Readings that the leader has recorded: those that are on their way take theirs along."""
        if not self._under_way:
            return
        turns = moved.turns
        for at in np.flatnonzero(np.isin(turns.rows, list(self._under_way))).tolist():
            journey = self._under_way[int(turns.rows[at])]
            if journey.session == (int(moved.keys[at]), int(moved.revisions[at])):
                first = int(turns.offsets[at])
                values = moved.values[turns.readings[first : first + int(turns.lengths[at])]]
                journey.came(int(moved.before[at]), values)

    def turn(self, until: float) -> bool:
        """Units of work that are expected to end before `until`; now and then one that is not, if none was.

        False if there was nothing to do.
        """
        self._leave()
        if not len(self):
            return False
        units = 0
        while units < MOST_UNITS and (left := until - self.clock()) > 0 and self._unit(left):
            units += 1
        self._idle = 0 if units else self._idle + 1
        if self._idle >= PATIENCE:
            self._idle = 0
            self._unit(None)
        return True

    def _unit(self, seconds: float | None) -> bool:
        """The next one, if it is expected to take no longer; None: the least of it in any case. False: none."""
        if self._line and len(self._under_way) < self._together:
            return self._timed(self._beginning, seconds, self._begin)
        hungry = next((each for each in self._under_way.values() if not len(each.ahead)), None)
        if hungry is not None:
            return self._timed(self._fetching, seconds, lambda: self._fetch(hungry))
        return bool(self._under_way) and self._piece(seconds)

    def _timed(self, pace: Pace, seconds: float | None, work: Callable[[], None]) -> bool:
        if seconds is not None and not pace.fitting(1, seconds):
            return False
        began = self.clock()
        work()
        pace.took(1, self.clock() - began)
        return True

    @property
    def _together(self) -> int:
        settings = self.core.settings
        together = settings.follower_batch if self.core.runtime.any_size else settings.history_batch
        return min(together, settings.max_resident)

    def _begin(self) -> None:
        """Sets out with the next session, from where the follower stands if it is there, else as a replay does."""
        row = next(iter(self._line))
        del self._line[row]
        table, rows = self.leader.table, np.array([row])
        live = table.key[row] >= 0 and table.slot[row] != NOWHERE and table.last_step[row] >= 0
        if not live or self.links.ready(rows, table.key[rows], table.revision[rows], table.last_step[rows])[1].all():
            self.first.discard(row)
            return
        try:
            journey = self._here(row)
            if journey is None:
                theirs = self.core.registry.adopt(self._head(row))
                replay = self.core.replays.load(theirs, int(table.last_step[row]), FETCHED)
                saved = replay.saved_step
                journey = Journey(row, self._session(row), theirs, saved, replay.state, saved, replay.values)
        except (StateLost, UnknownSession, JournalDamaged):
            self._lose(row)
            return
        self._under_way[row] = journey
        self._arrive([journey])

    def _here(self, row: int) -> Journey | None:
        """From the follower's own state, if it has one of this session."""
        table, leader = self.core.table, self.leader.table
        theirs = table.row(leader.name(row))
        if theirs == UNKNOWN or table.slot[theirs] == NOWHERE:
            return None
        session, step = (int(table.key[theirs]), int(table.revision[theirs])), int(table.last_step[theirs])
        if session != self._session(row) or step > leader.last_step[row]:
            return None
        (state,) = self.core.cache.bodies(np.array([theirs]))
        nothing = np.empty((0, self.core.bundle.width))
        return Journey(row, session, theirs, step, state, int(table.saved_step[theirs]), nothing)

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
            first_step=int(table.first_step[row]),
        )

    def _fetch(self, journey: Journey) -> None:
        """The next readings of one that has none ahead."""
        last = min(int(self.leader.table.last_step[journey.row]), journey.step + FETCHED)
        try:
            values = self.core.registry.journal.readings(journey.session[0], journey.step + 1, last)
        except JournalDamaged:
            self._lose(journey.row)
            return
        if len(values) != last - journey.step:  # the journal does not have all of what is live
            self._lose(journey.row)
            return
        journey.ahead = values

    def _piece(self, seconds: float | None) -> bool:
        """The next readings of those that came first, as many of them and as far as there is time."""
        watched = self._watched(next(iter(self._under_way.values())))
        alike = (each for each in self._under_way.values() if self._watched(each) == watched)
        journeys = list(islice(alike, self._together))
        if seconds is None:  # what takes hardly longer than the least that can be done
            seconds = 2 * self._pace(1, watched).expected(1)
        steps = 0
        while journeys and not steps:
            pace = self._pace(len(journeys), watched)
            longest = max(len(each.ahead) for each in journeys)
            steps = pace.fitting(longest, seconds)
            journeys = journeys if steps else journeys[: len(journeys) // 2]
        if not steps:
            return False
        if not self._by_step(len(journeys)):
            steps = min(padded(steps + 1) // 2, self.core.settings.chunk)  # a shape that was warmed up
        taken = sum(min(len(each.ahead), steps) for each in journeys)
        began = self.clock()
        self._run(journeys, steps, watched)
        if taken >= FILLED * steps * len(journeys):  # else it says too little of one whose rows are all as long
            pace.took(steps, self.clock() - began)
        return True

    def _pace(self, rows: int, watched: bool) -> Pace:
        return self._pieces.setdefault((watched, padded(rows)), Pace())

    def _by_step(self, rows: int) -> bool:
        """Whether steps of so many rows cost less than their sequences."""
        return self.core.runtime.any_size and padded(rows) >= BY_STEP

    def _run(self, journeys: list[Journey], steps: int, watched: bool) -> None:
        """So many readings of each, and into the arena with those that stand where the leader does then."""
        values = [journey.ahead[:steps] for journey in journeys]
        times = [self._times(journey, len(some)) for journey, some in zip(journeys, values, strict=True)]
        states = np.stack([journey.state for journey in journeys])
        statics = self.core.table.statics(np.array([journey.theirs for journey in journeys]))
        last = self.leader.table.last_step[[journey.row for journey in journeys]]
        ends = last == [journey.step + len(some) for journey, some in zip(journeys, values, strict=True)]
        known, stepper = () if statics is None else list(statics), self.core.stepper
        if watched:
            forecasts, states = stepper.windows(values, times, states, statics=known)
        elif self._by_step(len(journeys)):
            forecasts, states = stepper.plain(values, times, states, known, ends)
        else:
            forecasts, states = self.core.model.windows(values, times, states, statics=known)
        check_finite(forecasts[ends])
        for journey, some, state in zip(journeys, values, states, strict=True):
            journey.moved(len(some), state)
        self._arrive(journeys)

    def _arrive(self, journeys: list[Journey]) -> None:
        """Those that stand where the leader's sessions stand are done."""
        leader, table = self.leader.table, self.core.table
        there = [each for each in journeys if each.step == leader.last_step[each.row]]
        if not there:
            return
        rows, theirs = np.array([each.row for each in there]), np.array([each.theirs for each in there])
        self.core.cache.touch(theirs)
        self.core.cache.install(theirs, np.stack([each.state for each in there]))
        table.advance(theirs, leader.last_step[rows], leader.last_values[rows])
        table.saved_step[theirs] = [each.saved_step for each in there]
        self.links.tie(rows, theirs)
        self.rebuilt += len(there)
        for each in there:
            self._end(each.row)

    def _leave(self) -> None:
        """Those that were deleted or begun anew meanwhile are not waited for."""
        for row, journey in list(self._under_way.items()):
            if self._session(row) != journey.session:
                self._end(row)

    def _lose(self, row: int) -> None:
        self.lost += 1
        self._end(row)

    def _end(self, row: int) -> None:
        self._under_way.pop(row, None)
        self.first.discard(row)

    def _times(self, journey: Journey, count: int) -> NDArray[np.int64]:
        steps = np.arange(journey.step + 1, journey.step + 1 + count)
        return self.core.frequency.times(int(self.leader.table.start[journey.row]), steps)

    def _session(self, row: int) -> tuple[int, int]:
        return int(self.leader.table.key[row]), int(self.leader.table.revision[row])

    def _watched(self, journey: Journey) -> bool:
        return len(journey.state) > len(self.core.model.initial)


def check_finite(forecasts: NDArray[np.float64]) -> None:
    """`ModelFailed` if one of them is not."""
    if not np.isfinite(forecasts).all():
        raise ModelFailed("its forecast after a recorded reading is not finite")
