"""Which sessions there are: a piece of them, by name, as the journal has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from datasets.frequency import Frequency
from service.errors import JournalError
from service.faults import faults_as
from service.frames import NO_TIME, SessionView
from service.journal import Head, Wanted
from service.journal.lineage import parent_of
from service.registry import BROKEN, Registry

PIECE = 100  # sessions that are listed before the stream has its turn


@dataclass(frozen=True)
class Listing:
    """Called in the engine's thread; who wants more than a piece asks again."""

    registry: Registry
    frequency: Frequency
    wall: Callable[[], float]

    def find(self, wanted: Wanted, idle_seconds: float | None) -> list[SessionView]:
        """The first sessions of those that are wanted, at most a piece, with when each was seen last.

        With `idle_seconds`, those without a reading for so long.
        """
        since = None if idle_seconds is None else self.wall() - idle_seconds
        wanted = replace(wanted, limit=min(wanted.limit, PIECE), idle_since=since)
        with faults_as(JournalError, BROKEN):
            heads = self.registry.journal.listing(wanted)
        return [self._view(head) for head in heads]

    def _view(self, head: Head) -> SessionView:
        first, last, known = head.first_step, head.last_step, self.registry.known
        return SessionView(
            name=head.name,
            start=None if head.start == NO_TIME else head.start,
            last_step=last,
            last_time=self._time(head.start, last) if last >= 0 else None,
            revision=head.revision,
            durable=self.registry.journal.durable,
            created=False,
            static=known.named(known.row(head.static)),
            regime=head.regime,
            calibrate=head.calibrate,
            quality=head.quality,
            first_step=first,
            first_time=self._time(head.start, first) if first and not head.expired else None,
            ttl=head.ttl,
            seen=head.seen,
            expired=head.expired,
            parent=parent_of(head.parent),
        )

    def _time(self, start: int, step: int) -> int:
        return int(self.frequency.times(start, np.array([step]))[0])
