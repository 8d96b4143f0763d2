"""A journal in memory, for tries and tests: the whole contract, and nothing outlives the process."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.journal.heads import Heads, exists, unknown
from service.journal.protocol import (
    FIRST_REVISION,
    Beginning,
    Checkpoint,
    Durable,
    Export,
    Head,
    Kept,
    Readings,
    Release,
    Wanted,
)
from service.journal.remembered import Remembered, copied, sorted_checkpoints
from service.journal.revising import check_end, check_revised, ended, refuse_stale
from service.journal.subject import Subject
from service.share import Share


def open_memory(
    place: str,  # noqa: ARG001
    width: int,
    frequency: str,  # noqa: ARG001
    durable: Durable,  # noqa: ARG001
    subject: Subject | None = None,  # noqa: ARG001
    share: Share | None = None,  # noqa: ARG001
    clock: Callable[[], float] = time.time,
    resident: int = 0,  # noqa: ARG001
) -> MemoryJournal:
    """A new and empty journal; only the width and the clock matter to it."""
    return MemoryJournal(width, clock)


class MemoryJournal:
    """Holds every number of every reading, 8 bytes each, until it is let go of or its session ends."""

    durable: Durable = "none"
    shared = False

    def __init__(self, width: int, clock: Callable[[], float] = time.time) -> None:
        self._heads = Heads(width)
        self._clock = clock
        self._sessions: dict[str, Remembered] = {}
        self._by_key: dict[int, Remembered] = {}
        self._last_key = 0

    def create(self, begun: Beginning, checkpoint: Checkpoint | None = None) -> Head:
        if begun.name in self._sessions:
            raise exists(begun.name)
        return self._begin(begun, checkpoint)

    def replace(self, begun: Beginning, checkpoint: Checkpoint | None = None) -> Head:
        self._found(begun.name)
        return self._begin(begun, checkpoint)

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head | None]:
        for each in beginnings:
            if not each.key:
                self._found(each.name)
            self._heads.checked(each.values, each.origin)
        return [self._begin(each, None) if self._follows(each) else None for each in beginnings]

    def head(self, name: str) -> Head | None:
        found = self._sessions.get(name)
        return None if found is None else self._head(found)

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        return [self.head(name) for name in names]

    def names(self) -> list[str]:
        return list(self._sessions)

    def count(self, prefix: str = "", without: str = "") -> int:
        if not prefix and not without:
            return len(self._sessions)
        return sum(name.startswith(prefix) and not (without and without in name) for name in self._sessions)

    def listing(self, wanted: Wanted) -> list[Head]:
        found = (each for name, each in sorted(self._sessions.items()) if each.is_wanted(name, wanted))
        return [self._head(each) for each, _ in zip(found, range(wanted.limit), strict=False)]

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        slots = self._heads.slots(readings.keys)
        follows, accepted = self._heads.judge(slots, readings)
        now = self._clock()
        for key, row in zip(accepted.keys.tolist(), accepted.values, strict=True):
            session = self._by_key[key]
            session.values.frombytes(row.tobytes())
            session.seen = now
        self._heads.advance(slots[follows], accepted.steps, accepted.values)
        return follows

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        last = int(self._heads.last_step[self._heads.slot(key)])
        last = last if until is None else min(until, last)
        session = self._by_key[key]
        kept = [*session.checkpoints, *session.bases]
        usable = [found for found in kept if digest in (None, found.digest) and found.step <= last]
        newest = max(usable, key=lambda found: found.step, default=None)
        first = session.first_step if newest is None else newest.step + 1
        return newest, self.readings(key, first, last if most is None else min(last, first + most - 1))

    def states(self, keys: NDArray[np.int64], digest: str) -> list[NDArray[np.float32] | None]:
        last = self._heads.last_step[self._heads.slots(keys)].tolist()
        found = [self._by_key.get(key) for key in keys.tolist()]
        kept = [[] if each is None else [*each.checkpoints, *each.bases] for each in found]
        return [
            next((each.body for each in some if (each.step, each.digest) == (step, digest)), None)
            for some, step in zip(kept, last, strict=True)
        ]

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        self._heads.slot(key)
        session = self._by_key[key]
        begin = session.first_step
        return self._rows(session)[max(first - begin, 0) : max(last + 1 - begin, 0)].copy()

    def save(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> None:
        for key, checkpoint in self._heads.current(keys, checkpoints):
            self._by_key[key].keep(checkpoint)

    def revise(
        self,
        key: int,
        revision: int,
        last_step: int,
        first: int,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
    ) -> Head:
        slot = self._heads.slot(key)
        session = self._by_key[key]
        there = int(self._heads.revision[slot]), int(self._heads.last_step[slot])
        if session.expired:
            raise ended(there[1])
        refuse_stale(there, (revision, last_step))
        values = self._heads.checked(values, "")
        check_revised(first, len(values), session.first_step, last_step)
        rows = np.concatenate((self._rows(session)[: first - session.first_step], values))
        before = [replace(each, revision=revision + 1) for each in session.checkpoints if each.step < first]
        session.bases = [replace(each, revision=revision + 1) for each in session.bases]
        session.values, session.checkpoints, session.seen = array("d", rows.tobytes()), before, self._clock()
        return self._stand(session, revision + 1, rows, checkpoint)

    def retain(self, key: int, revision: int, first: int, bases: Sequence[Checkpoint]) -> bool:
        self._heads.slot(key)
        return self.retain_all([Release(key, revision, first, bases)])[0]

    def retain_all(self, releases: Sequence[Release]) -> list[bool]:
        done = [self._lets_go(each) for each in releases]
        for each, goes in zip(releases, done, strict=True):
            if goes:
                session, first = self._by_key[each.key], each.first
                session.values = array("d", self._rows(session)[first - session.first_step :].tobytes())
                session.checkpoints = [kept for kept in session.checkpoints if kept.step >= first]
                session.bases = [copied(base, each.revision) for base in each.bases]
                session.first_step = self._heads.first_step[self._heads.slot(each.key)] = first
        return done

    def kept(self, key: int) -> Kept:
        self._heads.slot(key)
        session = self._by_key[key]
        return session.kept(self._rows(session))

    def put(self, name: str, kept: Kept, replace: bool = False) -> Head:
        if name in self._sessions and not replace:
            raise exists(name)
        return self._begin(kept.beginning(name), None, kept)

    def exported(self, key: int, export: Export) -> None:
        self._heads.slot(key)
        session = self._by_key[key]
        session.exports = (*session.exports, export)

    def expire(self, now: float, limit: int) -> list[Head]:
        due = [each for each in self._sessions.values() if each.is_due(now)]
        return [self._expire(each) for each in due[:limit]]

    def size(self) -> int:
        floats = sum(len(each.values) for each in self._by_key.values())
        bodies = (body.body.nbytes for each in self._by_key.values() for body in (*each.checkpoints, *each.bases))
        return floats * np.dtype(np.float64).itemsize + sum(bodies)

    def fold(self, limit: int) -> int:  # noqa: ARG002
        return 0

    def delete(self, name: str) -> None:
        session = self._found(name)
        self._heads.remove(session.key)
        del self._sessions[name], self._by_key[session.key]

    def renewed(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def _lets_go(self, release: Release) -> bool:
        found = self._by_key.get(release.key)
        head = None if found is None or found.expired else self._head(found)
        if head is None or head.revision != release.revision or release.first < head.first_step:
            return False
        check_end(release.first, head.first_step, head.last_step, release.bases)
        return True

    def _follows(self, begun: Beginning) -> bool:
        found = self._sessions.get(begun.name)
        if found is None or begun.key not in (0, found.key):
            return False
        return begun.revision in (0, abs(int(self._heads.revision[self._heads.slot(found.key)])))

    def _found(self, name: str) -> Remembered:
        if name not in self._sessions:
            raise unknown(name)
        return self._sessions[name]

    def _head(self, session: Remembered) -> Head:
        return replace(
            self._heads.head(session.key, session.begun),
            first_step=session.first_step,
            ttl=session.begun.ttl,
            seen=session.seen,
            expired=session.expired,
            parent=session.parent,
            exports=session.exports,
        )

    def _rows(self, session: Remembered) -> NDArray[np.float64]:
        return np.frombuffer(session.values, np.float64).reshape(-1, self._heads.width)

    def _begin(self, begun: Beginning, checkpoint: Checkpoint | None, kept: Kept | None = None) -> Head:
        """A session, new or anew, with these readings, or what was kept of another one."""
        values = self._heads.checked(begun.values, begun.origin)
        old = self._sessions.get(begun.name)
        self._last_key += old is None
        key = self._last_key if old is None else old.key
        revision = FIRST_REVISION if old is None else abs(int(self._heads.revision[self._heads.slot(key)])) + 1
        bare = replace(begun, values=np.empty((0, self._heads.width)), static=dict(begun.static))
        session = Remembered(key, bare, array("d", values.tobytes()), seen=self._clock(), parent=begun.parent)
        session.exports = () if old is None else old.exports
        if kept is not None:
            session.first_step, session.parent = kept.first_step, kept.parent
            session.checkpoints, session.bases = sorted_checkpoints(kept, revision)
        self._sessions[begun.name] = self._by_key[key] = session
        return self._stand(session, revision, values, checkpoint)

    def _stand(
        self, session: Remembered, revision: int, rows: NDArray[np.float64], checkpoint: Checkpoint | None
    ) -> Head:
        """Where a session stands that has just these rows (n, width) from its first kept step on."""
        last = rows[-1:] if len(rows) else np.full((1, self._heads.width), np.nan)
        step = session.first_step + len(rows) - 1
        place = np.array([revision]), np.array([step]), last, session.first_step
        self._heads.put_all(np.array([session.key]), *place)
        if checkpoint is not None:
            self.save(np.array([session.key]), [replace(checkpoint, revision=revision)])
        return self._head(session)

    def _expire(self, session: Remembered) -> Head:
        slot = self._heads.slot(session.key)
        self._heads.revision[slot] = -self._heads.revision[slot] - 1
        self._heads.first_step[slot] = session.first_step = int(self._heads.last_step[slot]) + 1
        session.expired = True
        session.values, session.checkpoints, session.bases = array("d"), [], []
        return self._head(session)
