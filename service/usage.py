"""What the journal takes where it is kept, told to those who watch."""

from __future__ import annotations

from collections.abc import Callable

from service.errors import JournalError
from service.events import Observer
from service.faults import faults_as
from service.journal import Journal

PATIENCE = 100  # times as long as asking took passes at least until it is asked again


class Usage:
    """Asks now and then, less often where it takes long."""

    def __init__(self, journal: Journal, observer: Observer, every: float, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._observer = observer
        self._every = every
        self._clock = clock
        self._next = clock()

    def seconds(self) -> float:
        """Until it is asked again."""
        return max(0.0, self._next - self._clock())

    def piece(self) -> None:
        began = self._clock()
        with faults_as(JournalError, "the journal could not be measured"):
            size, sessions = self._journal.size(), self._journal.count()
        ended = self._clock()
        self._next = ended + max(self._every, PATIENCE * (ended - began))
        self._observer.stored(size, sessions)
