"""What the journal has of a session's past: a state to begin with, and the readings that lead on from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.errors import JournalDamaged, JournalError, StaleSession, StateLost, UnknownSession
from service.events import Observer
from service.faults import faults_as
from service.journal import Checkpoint
from service.padding import PaddedRuntime
from service.registry import BROKEN, Registry

MOVED = "the session was moved on by someone else while its state was rebuilt; send it again"


@dataclass(frozen=True, eq=False)
class Replay:
    """What it takes to rebuild one session's state: a row to begin with and the readings after it."""

    row: int
    session: tuple[int, int]  # key and revision
    saved_step: int  # of the checkpoint it begins with; -1: it begins with the initial row
    state: NDArray[np.float32]  # a whole row: [model | calibration | monitor], as its session is
    values: NDArray[np.float64]  # (time, width)
    times: NDArray[np.int64]  # (time,)
    static: NDArray[np.float64] | None  # (static features,)


class Pasts:
    """Reads them: from the newest checkpoint of this bundle on, or from a state that was left behind.

    `digest` is that of the bundle whose states they are, `frequency` that of its steps.
    """

    def __init__(self, runtime: PaddedRuntime, registry: Registry, observer: Observer, frequency: Frequency) -> None:
        self._runtime = runtime
        self._registry = registry
        self._observer = observer
        self.frequency = frequency
        self.digest = runtime.runtime.bundle.digest

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
        monitors, kind = self._registry.cache.monitors, int(table.kind[row])
        first = int(table.first_step[row])
        initial = monitors.initial(self._runtime.initial, kind, first)
        saved, state, values = first - 1, initial, np.empty((0, table.last_values.shape[1]))
        based = first == 0  # whether what it begins with is settled
        if last >= 0:
            try:
                with faults_as(JournalError, BROKEN):
                    checkpoint, values = journal.load(key, self.digest, last, most)
                    if checkpoint is not None:
                        ours = checkpoint.digest == self.digest and checkpoint.revision == revision
                        if ours and monitors.fits(checkpoint.body, kind):
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

    def _session(self, row: int) -> tuple[int, int]:
        table = self._registry.table
        return int(table.key[row]), int(table.revision[row])


def _end(first: int, last: int, most: int | None) -> int:
    """The last of `most` steps from `first` on, none later than `last`."""
    return last if most is None else min(last, first + most - 1)
