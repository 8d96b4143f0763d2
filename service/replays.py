"""States that come back from the journal: the newest checkpoint of this bundle, and a replay of what followed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.behind import Behind
from service.budget import STEP_COST
from service.engine_settings import EngineSettings
from service.errors import GatecastError, JournalDamaged, JournalError, StaleSession, StateLost, UnknownSession
from service.events import Observer
from service.faults import faults_as
from service.histories import Histories, Window
from service.journal import Checkpoint
from service.padding import PaddedRuntime
from service.registry import BROKEN, Registry
from service.stepping import Stepper

MOST_LOST = 1024  # sessions of which it is remembered why they could not be rebuilt, until somebody asks
MOVED = "the session was moved on by someone else while its state was rebuilt; send it again"

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Replay:
    """What it takes to rebuild one session's state: a row to begin with and the readings after it."""

    row: int
    session: tuple[int, int]  # key and revision
    saved_step: int  # of the checkpoint it begins with; -1: it begins with the initial row
    state: NDArray[np.float32]  # (state,), or (state + monitor,) of a session that is watched
    values: NDArray[np.float64]  # (time, width)
    times: NDArray[np.int64]  # (time,)
    static: NDArray[np.float64] | None  # (static features,)


class Replays:
    """Brings states into the arena: short replays at once, long ones chunk by chunk beside the stream.

    `digest` is that of the bundle whose states they are, `frequency` that of its steps.
    """

    def __init__(
        self,
        runtime: PaddedRuntime,
        stepper: Stepper,
        registry: Registry,
        histories: Histories,
        settings: EngineSettings,
        observer: Observer,
        frequency: Frequency,
    ) -> None:
        self._runtime = runtime
        self._stepper = stepper
        self._registry = registry
        self._histories = histories
        self._settings = settings
        self._observer = observer
        self.frequency = frequency
        self.digest = runtime.runtime.bundle.digest
        self._late: dict[tuple[int, int], Replay] = {}  # being rebuilt in chunks, by session
        self._lost: dict[tuple[int, int], GatecastError] = {}  # could not be rebuilt so: told to who asks next
        self.settled = False  # whether a late one has come, or never will, since this was last set to False

    def bring(self, rows: Rows) -> tuple[dict[int, GatecastError], set[int]]:
        """Sees that the states of these sessions, at most as many as fit, are in the arena.

        Returns the rows that cannot be had, with the error, and those that come later: they take more than a chunk
        to rebuild, or all together more than one run of chunks. `JournalError` and `ModelFailed` concern all of them.
        """
        absent = self._registry.cache.touch(rows)
        if len(absent) == 0:
            return {}, set()
        lost: dict[int, GatecastError] = {}
        short: list[Replay] = []
        late: set[int] = set()
        left = self._settings.chunk * self._settings.history_batch  # readings that may be replayed before the answer
        for row in self._without_saved(absent).tolist():
            session = self._session(row)
            if session in self._lost:
                lost[row] = self._lost.pop(session)
                continue
            try:
                replay = self._late.get(session) or self.load(row, int(self._registry.table.last_step[row]))
            except (StateLost, StaleSession, UnknownSession, JournalDamaged) as error:
                lost[row] = error
                continue
            cost = len(replay.values) * (STEP_COST if self._watched(replay) else 1)
            if cost > min(self._settings.chunk, left):
                late.add(row)
                self._begin(replay)
            else:
                left -= cost
                short.append(replay)
        self._run(short)
        return lost, late

    def hasten(self, chunks: int) -> None:
        """Runs up to so many chunks now, as long as a state is being rebuilt in chunks."""
        for _ in range(chunks):
            if not self._late or not self._histories.run_chunk():
                return

    def _without_saved(self, rows: Rows) -> Rows:
        """Brings back, all at once, those that left with a checkpoint and were silent since; returns the others."""
        table, cache = self._registry.table, self._registry.cache
        if self._late or self._lost:
            known = [self._session(row) in self._late or self._session(row) in self._lost for row in rows.tolist()]
            asked = rows[(table.last_step[rows] >= 0) & ~np.array(known)]
        else:
            asked = rows[table.last_step[rows] >= 0]
        if not len(asked):
            return rows
        try:
            with faults_as(JournalError, BROKEN):
                states = self._registry.journal.states(table.key[asked], self.digest)
        except JournalDamaged:
            return rows  # one by one, so that the damage concerns that session alone
        saved = np.zeros(len(asked), np.bool_)
        for watched in (False, True):
            fitting = {
                at: state
                for at, (state, kind) in enumerate(zip(states, table.watched[asked].tolist(), strict=True))
                if state is not None and kind == watched and cache.monitors.fits(state, watched)
            }
            if fitting:
                places = list(fitting)
                cache.install(asked[places], np.stack(list(fitting.values())))
                saved[places] = True
        back = asked[saved]
        if not len(back):
            return rows
        table.saved_step[back] = table.last_step[back]
        self._observer.rebuilt(len(back), 0)
        return rows[~np.isin(rows, back)]

    def load(self, row: int, last: int, most: int | None = None) -> Replay:
        """What leads to the state after step `last` of a session, -1 for the one before all readings.

        With `most` it leads no further than so many readings after what it begins with.

        Where readings were let go of it begins with the state that was kept of the step before them, and with the
        initial row where this model has none and enough are left for it to warm up.

        `StateLost` if its readings are damaged or do not reach so far, `UnknownSession` if it was deleted,
        `StaleSession` if another process has moved it elsewhere.
        """
        less = False  # whether somebody else has let go of readings
        try:
            replay = self._load(row, last, most)
            if replay is None and (less := self._registry.refreshed(row)):
                replay = self._load(row, last, most)
        except UnknownSession:
            if not self.is_elsewhere(row):
                raise
            replay = None
        if replay is None and (less or self.is_elsewhere(row)):
            raise StaleSession(MOVED)
        if replay is None:
            raise StateLost(
                f"the journal has the readings of this session up to step {int(self._registry.table.last_step[row])}, "
                "but not all that its state was made from; create the session anew with a history",
                last_step=int(self._registry.table.last_step[row]),
            )
        return replay

    def _load(self, row: int, last: int, most: int | None) -> Replay | None:
        """As `load`; None where nothing leads there."""
        table, journal = self._registry.table, self._registry.journal
        key, revision = self._session(row)
        monitors, watched = self._registry.cache.monitors, bool(table.watched[row])
        first = int(table.first_step[row])
        initial = monitors.initial(self._runtime.initial, watched, first)
        saved, state, values = first - 1, initial, np.empty((0, table.last_values.shape[1]))
        based = first == 0  # whether what it begins with is settled
        if last >= 0:
            try:
                with faults_as(JournalError, BROKEN):
                    checkpoint, values = journal.load(key, self.digest, last, most)
                    if checkpoint is not None:
                        ours = checkpoint.digest == self.digest and checkpoint.revision == revision
                        if ours and monitors.fits(checkpoint.body, watched):
                            saved, state, based = checkpoint.step, checkpoint.body, True
                        else:  # of another model, another past, or another statistic
                            values = journal.readings(key, first, _end(first, last, most))
            except JournalDamaged as damage:
                self._observer.fault(damage)
                return None
            left = self._registry.behind.pop(row, None)
            if left is not None and (left.key, left.revision) == (key, revision) and saved < left.step <= last:
                saved, state, based = left.step, left.body, True
                values = self._registry.recorded(key, left.step + 1, _end(left.step + 1, last, most))
        if saved + len(values) != _end(saved + 1, last, most):
            return None
        if not based:
            self._settle_base(row, first, initial)
        steps = np.arange(saved + 1, saved + 1 + len(values))
        times = self.frequency.times(int(table.start[row]), steps)
        statics = table.statics(np.array([row]))
        return Replay(row, (key, revision), saved, state, values, times, None if statics is None else statics[0])

    def is_elsewhere(self, row: int) -> bool:
        """Whether a session stands elsewhere than here, or under its name another one does: others have moved it."""
        table, registry = self._registry.table, self._registry
        head = registry.head(table.name(row)) if registry.journal.shared else None
        here = *self._session(row), int(table.last_step[row])
        return head is not None and (head.key, head.revision, head.last_step) != here

    def _settle_base(self, row: int, first: int, initial: NDArray[np.float32]) -> None:
        """This model's states begin before the oldest kept reading, with the initial row, and always will.

        `StateLost` if fewer readings are kept than it needs to warm up.
        """
        registry = self._registry
        (key, revision), last = self._session(row), int(registry.table.last_step[row])
        kept, needed = last + 1 - first, self._runtime.runtime.bundle.manifest.context
        if kept < needed:
            raise StateLost(
                f"the newest {kept} readings of this session are kept, and this model, which has not seen the older "
                f"ones, needs {needed} to warm up; create the session anew with a history",
                last_step=last,
                kept=kept,
                needed=needed,
            )
        base = Checkpoint(first - 1, revision, self.digest, initial)
        with faults_as(JournalError, BROKEN):
            others = [each for each in registry.journal.kept(key).checkpoints if each.step == first - 1]
            bases = [base, *(each for each in others if each.digest != self.digest)]
            if not registry.journal.retain(key, revision, first, bases):
                registry.forget(np.array([row]))
                raise StaleSession(MOVED)

    def _run(self, replays: list[Replay]) -> None:
        """Rebuilds states with one short window each, those of about one length together."""
        together = self._settings.history_batch
        for watched, run in ((False, self._runtime.windows), (True, self._stepper.windows)):
            alike = [replay for replay in replays if self._watched(replay) == watched]
            alike.sort(key=lambda replay: len(replay.values))
            for first in range(0, len(alike), together):
                self._rebuild(alike[first : first + together], run)

    def _rebuild(self, some: list[Replay], run: Callable[..., tuple[object, NDArray[np.float32]]]) -> None:
        states = np.stack([replay.state for replay in some])
        moved = [at for at, replay in enumerate(some) if len(replay.values)]
        if moved:
            values, times = [some[at].values for at in moved], [some[at].times for at in moved]
            states[moved] = run(values, times, states[moved], statics=[some[at].static for at in moved])[1]
        rows = np.array([replay.row for replay in some])
        self._registry.cache.install(rows, states)
        self._registry.table.saved_step[rows] = [replay.saved_step for replay in some]
        self._observer.rebuilt(len(some), sum(len(replay.values) for replay in some))

    def _watched(self, replay: Replay) -> bool:
        return len(replay.state) > len(self._runtime.initial)

    def _begin(self, replay: Replay) -> None:
        """Rebuilds a state chunk by chunk."""
        if replay.session in self._late:
            return
        self._late[replay.session] = replay

        def finished(state: NDArray[np.float32], _: NDArray[np.float64]) -> None:
            if self._is_wanted(replay):
                step = replay.saved_step + len(replay.values)
                if step == self._registry.table.last_step[replay.row]:
                    self._registry.install(replay.row, state, replay.saved_step)
                else:  # other processes have moved it on meanwhile
                    self._registry.behind[replay.row] = Behind(*replay.session, step, state)
                self._observer.rebuilt(1, len(replay.values))
            self._settle(replay)

        def failed(error: GatecastError) -> None:
            if self._is_wanted(replay):
                if len(self._lost) == MOST_LOST:
                    del self._lost[next(iter(self._lost))]  # its session may be gone; who asks anew finds it again
                self._lost[replay.session] = error
            self._settle(replay)

        def gone() -> bool:
            if not self._is_wanted(replay):
                self._settle(replay)
                return True
            return False

        self._histories.add(
            Window(replay.values, replay.times, replay.state, finished, failed, gone, static=replay.static)
        )

    def _is_wanted(self, replay: Replay) -> bool:
        """Whether it is the same session still: it may have been deleted or replaced meanwhile."""
        return self._session(replay.row) == replay.session

    def _session(self, row: int) -> tuple[int, int]:
        table = self._registry.table
        return int(table.key[row]), int(table.revision[row])

    def _settle(self, replay: Replay) -> None:
        self._late.pop(replay.session, None)
        self.settled = True


def _end(first: int, last: int, most: int | None) -> int:
    """The last of `most` steps from `first` on, none later than `last`."""
    return last if most is None else min(last, first + most - 1)
