"""States that come back from the journal: the newest checkpoint of this bundle, and a replay of what followed it."""

from __future__ import annotations

from collections.abc import Callable

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
from service.padding import PaddedRuntime
from service.pasts import Pasts, Replay
from service.registry import BROKEN, Registry
from service.stepping import Stepper

MOST_LOST = 1024  # sessions of which it is remembered why they could not be rebuilt, until somebody asks

Rows = NDArray[np.int64]


class Replays:
    """Brings states into the arena: short replays at once, long ones chunk by chunk beside the stream."""

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
        self.pasts = Pasts(runtime, registry, observer, frequency)
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
                replay = self._late.get(session) or self.pasts.load(row, int(self._registry.table.last_step[row]))
            except (StateLost, StaleSession, UnknownSession, JournalDamaged) as error:
                lost[row] = error
                continue
            cost = len(replay.values) * (STEP_COST if self._steps(replay) else 1)
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
                states = self._registry.journal.states(table.key[asked], self.pasts.digest)
        except JournalDamaged:
            return rows  # one by one, so that the damage concerns that session alone
        saved = np.zeros(len(asked), np.bool_)
        kinds = table.kind[asked]
        for kind in np.unique(kinds).tolist():
            fitting = {
                at: state
                for at in np.flatnonzero(kinds == kind).tolist()
                if (state := states[at]) is not None and cache.monitors.fits(state, kind)
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

    def _run(self, replays: list[Replay]) -> None:
        """Rebuilds states with one short window each, those of about one length together."""
        together = self._settings.history_batch
        for size in sorted({len(replay.state) for replay in replays}):
            alike = [replay for replay in replays if len(replay.state) == size]
            alike.sort(key=lambda replay: len(replay.values))
            run = self._stepper.windows if self._steps(alike[0]) else self._runtime.windows
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

    def _steps(self, replay: Replay) -> bool:
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
