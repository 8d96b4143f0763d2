"""When states are saved to the journal: after so many readings, in groups, and when they leave."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from service.engine_settings import EngineSettings
from service.errors import JournalError
from service.events import Observer
from service.faults import faults_as
from service.journal import NO_READING, Checkpoint, Journal
from service.sessions import NOWHERE, SessionTable

NOBODYS = -1  # a key that no session has

Rows = NDArray[np.int64]
Bodies = Callable[[Rows], list[NDArray[np.float32]]]  # what is to be kept of sessions whose states are in the arena


class Checkpoints:
    """Knows which sessions have moved since their state was saved. A checkpoint only shortens a replay."""

    def __init__(
        self, journal: Journal, table: SessionTable, settings: EngineSettings, observer: Observer, digest: str
    ) -> None:
        self._journal = journal
        self._table = table
        self._every = settings.checkpoint_every
        self._group = settings.checkpoint_group
        self._observer = observer
        self._digest = digest
        self._due: set[int] = set()
        self._silent = False

    def silence(self, silent: bool) -> None:
        """Saves nothing from now on, or does again: of two models one alone keeps its states, two of each session."""
        self._silent = silent
        self._due.clear()

    def moved(self, rows: Rows) -> None:
        """These sessions have new readings."""
        table = self._table
        due = rows[table.last_step[rows] - table.saved_step[rows] >= self._every]
        if len(due):
            self._due.update(due.tolist())

    @property
    def due(self) -> bool:
        """Whether a session is to be saved."""
        return bool(self._due)

    @property
    def waiting(self) -> int:
        """How many sessions are to be saved."""
        return len(self._due)

    def save_due(self, bodies: Bodies, idle: bool) -> bool:
        """Saves one group of those that are due, if there is a whole group or nothing else to do; False if not."""
        if not self._due or (len(self._due) < self._group and not idle):
            return False
        chosen = [self._due.pop() for _ in range(min(self._group, len(self._due)))]
        self.save(bodies, np.array(chosen, np.int64))
        return True

    def save_all(self, bodies: Bodies, rows: Rows) -> None:
        """Saves all of these that have moved, in groups."""
        for first in range(0, len(rows), self._group):
            self.save(bodies, rows[first : first + self._group])

    def save(self, bodies: Bodies, rows: Rows, again: bool = False) -> None:
        """Saves the states of those sessions that are in the arena and have moved (`again`: or not).

        `JournalError` if the journal cannot.
        """
        if self._silent:
            return
        table = self._table
        moved = table.last_step[rows] > (-1 if again else table.saved_step[rows])
        rows = rows[moved & (table.slot[rows] != NOWHERE)]
        if len(rows) == 0:
            return
        places = zip(table.last_step[rows].tolist(), table.revision[rows].tolist(), bodies(rows), strict=True)
        checkpoints = [Checkpoint(step, revision, self._digest, body) for step, revision, body in places]
        with faults_as(JournalError, "the journal could not save states"):
            self._journal.save(table.key[rows], checkpoints)
        table.saved_step[rows] = table.last_step[rows]
        self._observer.checkpointed(len(rows))

    def save_nobodys(self) -> None:
        """Has the journal pass over a state of nobody: a journal elsewhere must answer, and take writes, to do so."""
        with faults_as(JournalError, "the journal could not save states"):
            self._journal.save(np.array([NOBODYS]), [Checkpoint(NO_READING, 0, self._digest, np.zeros(0, np.float32))])

    def add(self, key: int, revision: int, step: int, state: NDArray[np.float32]) -> None:
        """Saves a state (state,) of an earlier step too, beside the newest one. `JournalError`."""
        if self._silent:
            return
        with faults_as(JournalError, "the journal could not save a state"):
            self._journal.save(np.array([key]), [Checkpoint(step, revision, self._digest, state)])
        self._observer.checkpointed(1)
