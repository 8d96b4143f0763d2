"""Which sessions have their state in the arena: a cache that fills as they speak and empties by age."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.batching import padded
from service.beside import PLAIN, Beside
from service.checkpoints import Checkpoints
from service.engine_settings import EngineSettings
from service.events import Observer
from service.monitors import Monitors
from service.runtimes import Arena, Runtime
from service.sessions import NOWHERE, SessionTable

FIRST_CAPACITY = 64
EVICTED_SHARE = 16  # a full arena gives up a sixteenth of its rows at once
EVICTED_TOGETHER = 1024  # but no more than so many, since their states are saved while readings wait

Rows = NDArray[np.int64]


class ArenaCache:
    """Gives slots to sessions and takes them back from those that have been silent longest, saving their states."""

    def __init__(
        self,
        runtime: Runtime,
        table: SessionTable,
        checkpoints: Checkpoints,
        observer: Observer,
        settings: EngineSettings,
        beside: Beside,
    ) -> None:
        self._most, self._most_beside = settings.max_resident, settings.beside_bytes
        self.arena: Arena = runtime.arena(min(FIRST_CAPACITY, self._most) + 1)
        self.monitors = Monitors(beside, len(runtime.bundle.initial), self.arena.capacity)
        self._table = table
        self._checkpoints = checkpoints
        self._observer = observer
        self._owner = np.full(self.arena.capacity, -1, np.int64)  # row of the table, by slot
        self._free: list[int] = []  # slots that were given back
        self._fresh = 1  # the first slot that was never given to anybody; slot 0 is for padding
        self._batch = 0

    def __len__(self) -> int:
        return self._fresh - 1 - len(self._free)

    def touch(self, rows: Rows) -> Rows:
        """Marks these, and no others, as used now; returns those whose state is not in the arena."""
        self._batch += 1
        self._table.used[rows] = self._batch
        absent: Rows = rows[self._table.slot[rows] == NOWHERE]
        return absent

    def bodies(self, rows: Rows) -> list[NDArray[np.float32]]:
        """What a checkpoint keeps of these sessions, whose states are here: their whole rows."""
        slots, kinds = self._table.slot[rows], self._table.kind[rows]
        states = list(self.arena.read(slots))
        for at in np.flatnonzero(kinds != PLAIN).tolist():
            states[at] = np.concatenate([states[at], self.monitors.read(slots[at], int(kinds[at]))])
        return states

    def install(self, rows: Rows, bodies: NDArray[np.float32]) -> None:
        """Puts whole rows (rows, …) of touched sessions of one kind here; others make room if need be."""
        self.release(rows)
        kind = self.monitors.kind_of(bodies.shape[1])
        if kind != PLAIN:
            self._make_room_beside(len(rows) * self.monitors.bytes_of(kind))
        self._make_room(len(rows))
        slots = self._take(len(rows))
        self._owner[slots] = rows
        self._table.slot[rows] = slots
        states, beside = self.monitors.split(bodies)
        self.arena.write(slots, states)
        if beside is not None:
            self.monitors.write(slots, beside)

    def release(self, rows: Rows) -> None:
        """The states of these sessions are worth nothing any more."""
        slots = self._table.slot[rows]
        slots = slots[slots != NOWHERE]
        self._table.slot[rows] = NOWHERE
        self._owner[slots] = -1
        self.monitors.release(slots)
        self._free.extend(slots.tolist())

    def residents(self) -> Rows:
        """The rows of all sessions whose state is in the arena."""
        return self._owner[self._owner >= 0]

    def _take(self, count: int) -> Rows:
        """Slots that nobody has, of those that there are."""
        again = max(0, len(self._free) - count)
        given = np.array(self._free[again:], np.int64)
        del self._free[again:]
        more = count - len(given)
        self._fresh += more
        return np.concatenate([given, np.arange(self._fresh - more, self._fresh)])

    def _make_room(self, count: int) -> None:
        if count > self._vacant:
            self._grow(len(self) + count)
        if count > self._vacant:
            self._evict(max(count - self._vacant, min(self._most // EVICTED_SHARE, EVICTED_TOGETHER)))

    def _make_room_beside(self, size: int) -> None:
        """Sees that so many bytes may come to those beside states; what one batch needs may be more than the bound."""
        over = self.monitors.bytes + size - self._most_beside
        if over > 0:
            residents = self.residents()
            kinds = self._table.kind[residents]
            idle = (kinds != PLAIN) & (self._table.used[residents] < self._batch)
            rows = residents[idle]
            rows = rows[np.argsort(self._table.used[rows], kind="stable")]
            sizes = np.array([self.monitors.bytes_of(kind) for kind in self._table.kind[rows].tolist()])
            wanted = min(over + self._most_beside // EVICTED_SHARE, self._most_beside)
            self._leave(rows[: int(np.searchsorted(np.cumsum(sizes), wanted)) + 1][:EVICTED_TOGETHER])

    @property
    def _vacant(self) -> int:
        return self.arena.capacity - 1 - len(self)

    def _grow(self, sessions: int) -> None:
        before = self.arena.capacity
        capacity = min(max(2 * (before - 1), padded(sessions)), self._most) + 1
        if capacity > before:
            self.arena.grow(capacity)
            self.monitors.grow(capacity)
            self._owner = np.append(self._owner, np.full(capacity - before, -1, np.int64))

    def _evict(self, count: int) -> None:
        residents = self.residents()
        idle = residents[self._table.used[residents] < self._batch]
        rows = idle[np.argpartition(self._table.used[idle], count - 1)[:count]] if count < len(idle) else idle
        self._leave(rows)

    def _leave(self, rows: Rows) -> None:
        if not len(rows):
            return
        self._checkpoints.save(self.bodies, rows)
        self.release(rows)
        self._observer.evicted(len(rows))
