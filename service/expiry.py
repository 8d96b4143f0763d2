"""Sessions that were silent for as long as they were made to live: they go, and what comes for them is told so."""

from __future__ import annotations

from collections.abc import Callable

from service.errors import JournalError
from service.events import Observer
from service.faults import faults_as
from service.registry import Registry

AT_ONCE = 64  # sessions that expire in one piece
SHORTEST, LONGEST = 1.0, 60.0  # seconds from one look to the next
SHARE = 0.1  # of the shortest time that any session lives


class Expiry:
    """Looks every minute, or more often where sessions live for less than ten; nobody's state is ever begun again."""

    def __init__(self, registry: Registry, observer: Observer, wall: Callable[[], float]) -> None:
        self._registry = registry
        self._observer = observer
        self._wall = wall
        self._next = wall()

    def seconds(self) -> float:
        """Until the next look; a clock that was set back does not put it off."""
        now = self._wall()
        self._next = min(self._next, now + self._pause)
        return max(0.0, self._next - now)

    def piece(self) -> None:
        """Lets some expire; those that have spoken are forgotten here, so that the journal is asked when they do."""
        now = self._wall()
        with faults_as(JournalError, "the journal could not let sessions expire"):
            heads = self._registry.journal.expire(now, AT_ONCE)
        if heads:
            rows = self._registry.table.find([head.name for head in heads])
            self._registry.forget(rows[rows >= 0])
            for head in heads:
                self._registry.owed.forget(head.name)
            self._observer.expired(len(heads))
        if len(heads) < AT_ONCE:
            self._next = now + self._pause

    @property
    def _pause(self) -> float:
        return min(max(SHARE * self._registry.shortest_ttl, SHORTEST), LONGEST)
