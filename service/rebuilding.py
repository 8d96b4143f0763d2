"""Brings the sessions of a model that serves into one that follows it: replays from the journal, beside the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.core import Core
from service.engine_settings import EngineSettings
from service.errors import (
    GatecastError,
    JournalDamaged,
    JournalError,
    ModelFailed,
    StaleSession,
    StateLost,
    UnknownSession,
)
from service.histories import Histories, Window
from service.journal import Head
from service.links import Links
from service.sessions import NOWHERE, UNKNOWN

MOST_CHUNKS = 8  # in a turn

Rows = NDArray[np.int64]


@dataclass(eq=False)
class Journey:
    """One session on its way to where the leader's stands."""

    row: int  # of the leader's table
    session: tuple[int, int]  # key and revision
    theirs: int  # row of the follower's table
    step: int  # that `state` stands after
    state: NDArray[np.float32]
    saved_step: int


@dataclass(eq=False)
class Rebuilding:
    """A few sessions at a time, those first that came first; each turn takes a chunk of their readings.

    What comes meanwhile is taken in one further run at the end, after the batch that brought it and before the next
    one: so each ends just where the leader stands.
    """

    core: Core
    leader: Core
    links: Links
    settings: EngineSettings
    histories: Histories  # its own line: no caller waits in it
    fail: Callable[[GatecastError], None]
    strict: bool = True  # whether one forecast that is not finite ends all
    rebuilt: int = 0
    lost: int = 0  # whose readings are damaged, or of whom this model has no finite forecast
    ended: bool = False
    first: set[int] = field(default_factory=set)  # those that were live at the beginning and are not done yet
    _line: dict[int, None] = field(default_factory=dict)
    _under_way: dict[int, Journey] = field(default_factory=dict)
    _arrived: list[Journey] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._line) + len(self._under_way)

    def want(self, rows: Iterable[int]) -> None:
        """Puts sessions, rows of the leader's table, at the end of the line; not those that are in it."""
        for row in rows:
            if row not in self._under_way:
                self._line.setdefault(row)

    def turn(self, came: int) -> bool:
        """Twice as many steps as readings `came` in this turn, so that it ends under any load, and a chunk at least.

        False if there was nothing to do.
        """
        chunks = max(1, -(-2 * came // (self.settings.chunk * self._together)))
        worked = False
        for _ in range(min(chunks, MOST_CHUNKS)):
            if not self._chunk():
                break
            worked = True
        return worked

    def _chunk(self) -> bool:
        """One chunk of some sessions; False if there was nothing to do."""
        left = self.settings.chunk * self.settings.history_batch  # readings that are fetched before the next batch
        while left > 0 and self._line and len(self._under_way) < self._together:
            row = next(iter(self._line))
            try:
                left -= self._begin(row)
            except JournalError as error:
                return self._put_off(error)
            del self._line[row]
        ran = self.histories.run_chunk()
        arrived, self._arrived = self._arrived, []
        kinds = [[each for each in arrived if self._watched(each) == watched] for watched in (False, True)]
        closed = [self._close(some, watched) for some, watched in zip(kinds, (False, True), strict=True)]
        return all(closed) and (ran or bool(arrived))

    @property
    def _together(self) -> int:
        return min(self.settings.history_batch, self.settings.max_resident)

    def _begin(self, row: int) -> int:
        """Sets out from where the follower stands if it is there, else from its checkpoint or the oldest reading.

        Returns how many readings were fetched.
        """
        live = self.leader.table.key[row] >= 0 and self.leader.table.slot[row] != NOWHERE
        if not live or self.leader.table.last_step[row] < 0:
            self.first.discard(row)
            return 0
        try:
            journey = self._here(row)
            if journey is None:
                theirs = self.core.registry.adopt(self._head(row))
                replay = self.core.replays.load(theirs, int(self.leader.table.last_step[row]))
                journey = Journey(row, self._session(row), theirs, replay.saved_step, replay.state, replay.saved_step)
                values = replay.values
            else:
                values = self._readings(journey)
        except (StateLost, JournalDamaged):
            self.lost += 1
            self.first.discard(row)
            return 0
        except (
            UnknownSession,
            StaleSession,
        ):  # another process has deleted it, or moved it on: it comes when it speaks
            self.first.discard(row)
            return 0
        self._under_way[row] = journey
        self._send(journey, values)
        return len(values)

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
        return Journey(row, session, theirs, step, state, int(table.saved_step[theirs]))

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

    def _send(self, journey: Journey, values: NDArray[np.float64]) -> None:
        """Through these readings, chunk by chunk."""
        if not len(values):
            self._arrived.append(journey)
            return
        last = journey.step + len(values)
        statics = self.core.table.statics(np.array([journey.theirs]))

        def finished(state: NDArray[np.float32], forecast: NDArray[np.float64]) -> None:
            if self._is_fit(journey, forecast):
                journey.step, journey.state = last, state
                self._arrived.append(journey)

        def gone() -> bool:
            if self.ended or self._session(journey.row) != journey.session:
                self._end(journey)
                return True
            return False

        times, static = self._times(journey, len(values)), None if statics is None else statics[0]
        self.histories.add(Window(values, times, journey.state, finished, self.fail, gone, static=static))

    def _close(self, arrived: list[Journey], watched: bool) -> bool:
        """Takes what has come since, and puts those that stand where the leader does into the arena.

        False where some have to wait for the journal.
        """
        chunk, closed = self.histories.chunk_of(watched), True
        there: list[Journey] = []
        late: list[tuple[Journey, NDArray[np.float64]]] = []
        for at, journey in enumerate(arrived):
            if self._session(journey.row) != journey.session:
                self._end(journey)
                continue
            try:
                values = self._readings(journey)
            except (JournalDamaged, UnknownSession) as error:
                self.lost += isinstance(error, JournalDamaged)
                self._end(journey)
                continue
            except JournalError as error:
                self._arrived += arrived[at:]
                closed = self._put_off(error)
                break
            if len(values) > chunk:
                self._send(journey, values)
                continue
            there.append(journey)
            if len(values):
                late.append((journey, values))
        if late:
            unfit = self._go([journey for journey, _ in late], [values for _, values in late], watched)
            there = [journey for journey in there if journey not in unfit]
        if there:
            self._install(there)
        return closed

    def _go(self, journeys: list[Journey], values: list[NDArray[np.float64]], watched: bool) -> list[Journey]:
        """The last few readings, of all together; returns those that end by it."""
        run = self.core.stepper.windows if watched else self.core.model.windows
        times = [self._times(journey, len(some)) for journey, some in zip(journeys, values, strict=True)]
        statics = self.core.table.statics(np.array([journey.theirs for journey in journeys]))
        states = np.stack([journey.state for journey in journeys])
        forecasts, states = run(values, times, states, statics=() if statics is None else list(statics))
        for journey, some, state in zip(journeys, values, states, strict=True):
            journey.step, journey.state = journey.step + len(some), state
        return [each for each, said in zip(journeys, forecasts, strict=True) if not self._is_fit(each, said)]

    def _is_fit(self, journey: Journey, forecast: NDArray[np.float64]) -> bool:
        """Whether the session's forecast is finite; where that ends the session and not all, it ends here."""
        if self.strict:
            check_finite(forecast)
        fit = bool(np.isfinite(forecast).all())
        if not fit:
            self.lost += 1
            self._end(journey)
        return fit

    def _install(self, journeys: list[Journey]) -> None:
        """They stand where the leader's sessions stand."""
        rows = np.array([journey.row for journey in journeys])
        theirs = np.array([journey.theirs for journey in journeys])
        leader, table = self.leader.table, self.core.table
        self.core.cache.touch(theirs)
        self.core.cache.install(theirs, np.stack([journey.state for journey in journeys]))
        table.advance(theirs, leader.last_step[rows], leader.last_values[rows])
        table.saved_step[theirs] = [journey.saved_step for journey in journeys]
        self.links.tie(rows, theirs)
        self.rebuilt += len(journeys)
        for journey in journeys:
            self._end(journey)

    def _put_off(self, error: JournalError) -> bool:
        """The journal cannot be read now, which is no fault of the model: it goes on when the journal works again."""
        self.leader.fault(error)
        return False

    def _end(self, journey: Journey) -> None:
        self._under_way.pop(journey.row, None)
        self.first.discard(journey.row)

    def _readings(self, journey: Journey) -> NDArray[np.float64]:
        """Those after the journey's step, up to the leader's last one; `JournalDamaged` if they are not all there."""
        last = int(self.leader.table.last_step[journey.row])
        if journey.step == last:
            return np.empty((0, self.core.bundle.width))
        values = self.core.registry.journal.readings(journey.session[0], journey.step + 1, last)
        if len(values) != last - journey.step:
            raise JournalDamaged("the journal does not have all readings of a session that is live")
        return values

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
