"""The journal in SQLite: one blob a batch when readings arrive, folded into rows by session when there is time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import JournalError
from service.journal import batches, past
from service.journal.beginnings import begin, begin_anew
from service.journal.checkpoints import drop_checkpoints, save_checkpoints, states_at
from service.journal.faults import explained, sound
from service.journal.folding import Folding
from service.journal.heads import exists, unknown
from service.journal.protocol import (
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
from service.journal.rows import note_exports
from service.journal.segments import drop_readings
from service.journal.sessions import count_sessions, key_of
from service.journal.store import LEAST_HEADS, Clock, Store
from service.journal.subject import Subject
from service.journal.tail import Tail
from service.share import Share

TAIL_BYTES = 2**26  # the most that waits to be folded, in memory and to be read at the next start


def open_sqlite(
    place: str,
    width: int,
    frequency: str,
    durable: Durable,
    subject: Subject | None = None,
    share: Share | None = None,
    clock: Clock = time.time,
    resident: int = 0,
) -> SqliteJournal:
    """The journal in the file `place`; see `open_journal`."""
    if not place:
        raise JournalError('a SQLite journal needs a path: "sqlite:PATH"')
    heads = max(resident, LEAST_HEADS)
    return SqliteJournal(Path(place), width, frequency, durable, subject=subject, share=share, clock=clock, heads=heads)


class SqliteJournal:
    """Owned by one process. Verdicts are reached in memory; the disk sees one short transaction a batch."""

    shared = False

    def __init__(
        self,
        path: Path,
        width: int,
        frequency: str,
        durable: Durable = "disk",
        tail_bytes: int = TAIL_BYTES,
        segment_rows: int | None = None,  # of a new journal; an old one keeps its own
        subject: Subject | None = None,
        share: Share | None = None,
        clock: Clock = time.time,
        heads: int = LEAST_HEADS,
    ) -> None:
        self.durable: Durable = durable
        share = share or Share()
        self._store = store = Store(path, width, frequency, durable, segment_rows, subject, share, clock, heads)
        self.path = store.path
        self._lock = store.lock
        self._owner = store.owner
        self._database = store.database
        self._heads = store.heads
        self._tail = store.tail
        self._folding = Folding(store, max(1, tail_bytes // Tail.bytes_per_row(width)))
        self._sessions: int | None = None  # how many, once somebody has asked

    def create(self, begun: Beginning, checkpoint: Checkpoint | None = None) -> Head:
        with self._lock:
            if self.head(begun.name) is not None:
                raise exists(begun.name)
            return self._begin(begun, [checkpoint] if checkpoint else [])

    def replace(self, begun: Beginning, checkpoint: Checkpoint | None = None) -> Head:
        with self._lock:
            pair = self._found(begun.name), begun
            return begin_anew(self._store, [pair], [checkpoint] if checkpoint else [])[0]

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head | None]:
        with self._lock:
            there = self._store.find([each.name for each in beginnings])
            for each in beginnings:
                if each.name not in there and not each.key:
                    raise unknown(each.name)
                self._heads.checked(each.values, each.origin)
            pairs = [(there[each.name], each) for each in beginnings if each.name in there]
            same = [(old, new) for old, new in pairs if new.revision in (0, old.revision) and new.key in (0, old.key)]
            by_name = {head.name: head for head in begin_anew(self._store, same, [])}
            return [by_name.get(each.name) for each in beginnings]

    def head(self, name: str) -> Head | None:
        return self.heads([name])[0]

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        with self._lock:
            return list(map(self._store.find(names).get, names))

    def names(self) -> list[str]:
        with self._lock, sound(self.path, "read its sessions"):
            return [name for (name,) in self._database.execute("SELECT name FROM sessions")]

    def count(self, prefix: str = "", without: str = "") -> int:
        with self._lock:
            if prefix or without:
                with sound(self.path, "count its sessions"):
                    return count_sessions(self._database, prefix, without)
            if self._sessions is None:
                with sound(self.path, "count its sessions"):
                    (self._sessions,) = self._database.execute("SELECT count(*) FROM sessions").fetchone()
            return self._sessions or 0

    def listing(self, wanted: Wanted) -> list[Head]:
        with self._lock:
            return self._store.listing(wanted)

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        with self._lock:
            slots = self._heads.slots(readings.keys)
            follows, accepted = self._heads.judge(slots, readings)
            if accepted is not readings:
                # Sessions that nobody has asked for since the start are not among those that it was judged by.
                slots = self._store.slots(readings.keys)
                follows, accepted = self._heads.judge(slots, readings)
                slots = slots[follows]
            if not len(accepted.keys):
                return follows
            if self._folding.half_full():
                # Before anything is written: if the fold fails, so does the append, and nothing is recorded.
                self._folding.make_room()
            self._owner.check()
            with explained(self.path, "record readings"):
                self._database.execute(
                    "INSERT INTO batches (id, count, body) VALUES (?, ?, ?)",
                    (self._tail.end, len(accepted.keys), batches.encode(accepted)),
                )
            self._store.batches += 1
            self._heads.advance(slots, accepted.steps, accepted.values)
            self._tail.push(accepted, slots, self._heads.tail)
            return follows

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        with self._lock:
            return past.load(self._store, int(key), digest, until, most)  # SQLite takes no numpy integers

    def states(self, keys: NDArray[np.int64], digest: str) -> list[NDArray[np.float32] | None]:
        with self._lock:
            slots = self._store.slots(keys)
            revisions, steps = self._heads.revision[slots].tolist(), self._heads.last_step[slots].tolist()
            with sound(self.path, "read checkpoints"):
                return states_at(self._database, keys.tolist(), revisions, steps, digest)

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        with self._lock:
            return self._store.readings(int(key), first, last)

    def save(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> None:
        with self._lock:
            self._store.slots(keys)
            current = self._heads.current(keys, checkpoints)
            if not current:
                return
            with self._store.transaction("save checkpoints"):
                save_checkpoints(self._database, current)

    def revise(
        self,
        key: int,
        revision: int,
        last_step: int,
        first: int,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
    ) -> Head:
        with self._lock:
            past.revise(self._store, int(key), (revision, last_step), int(first), values, checkpoint)
            return self._store.under(int(key))

    def retain(self, key: int, revision: int, first: int, bases: Sequence[Checkpoint]) -> bool:
        with self._lock:
            self._store.slot(int(key))
            return past.retain(self._store, [Release(int(key), revision, int(first), bases)])[0]

    def retain_all(self, releases: Sequence[Release]) -> list[bool]:
        with self._lock:
            return past.retain(self._store, releases)

    def kept(self, key: int) -> Kept:
        with self._lock:
            return past.kept(self._store, int(key))

    def put(self, name: str, kept: Kept, replace: bool = False) -> Head:
        begun = kept.beginning(name)
        with self._lock:
            there = self.head(name)
            if there is None:
                return self._begin(begun, kept.checkpoints, kept)
            if not replace:
                raise exists(name)
            return begin_anew(self._store, [(there, begun)], kept.checkpoints, kept)[0]

    def exported(self, key: int, export: Export) -> None:
        with self._lock:
            head = self._store.under(int(key))
            with sound(self.path, "note a copy"), self._store.transaction("note a copy"):
                note_exports(self._database, head.key, (*head.exports, export))

    def expire(self, now: float, limit: int) -> list[Head]:
        with self._lock:
            gone = past.expire(self._store, now, limit)
            if gone:
                self._folding.erased()
            return gone

    def size(self) -> int:
        return sum(file.stat().st_size for file in (self.path, self._store.log) if file.exists())

    def fold(self, limit: int) -> int:
        with self._lock:
            return self._folding.fold(limit)

    def compact(self) -> None:
        """Writes the file anew without what is free in it; takes as much room again while it does."""
        with self._lock, explained(self.path, "be compacted"):
            self._owner.check()
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def delete(self, name: str) -> None:
        with self._lock:
            with sound(self.path, "look sessions up"):  # one that is damaged is deleted as others are
                key = key_of(self._database, name)
            if key is None:
                raise unknown(name)
            with self._store.transaction("delete a session"):
                self._database.execute("DELETE FROM sessions WHERE key = ?", (key,))
                drop_readings(self._database, key)
                drop_checkpoints(self._database, key)
            self._heads.remove(key)
            self._sessions = None if self._sessions is None else self._sessions - 1
            self._folding.erased()

    def renewed(self) -> bool:
        return False

    def close(self) -> None:
        with self._lock:
            self._store.close()

    def _found(self, name: str) -> Head:
        head = self.head(name)
        if head is None:
            raise unknown(name)
        return head

    def _begin(self, begun: Beginning, checkpoints: Sequence[Checkpoint], kept: Kept | None = None) -> Head:
        head = begin(self._store, begun, checkpoints, kept)
        self._sessions = None if self._sessions is None else self._sessions + 1
        return head
