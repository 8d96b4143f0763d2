"""The journal in SQLite: one blob a batch when readings arrive, folded into rows by session when there is time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from service.errors import JournalError
from service.journal import batches, schema
from service.journal.checkpoints import drop_checkpoints, newest_checkpoint, save_checkpoints, states_at
from service.journal.faults import explained, sound, transaction
from service.journal.heads import MOST_KEYS, exists, unknown
from service.journal.ownership import Ownership
from service.journal.protocol import FIRST_REVISION, NO_READING, Beginning, Checkpoint, Durable, Head, Readings, Static
from service.journal.restore import load_heads, load_tail
from service.journal.rounds import Round
from service.journal.segments import add_readings, drop_readings, read_readings
from service.journal.sessions import find_sessions, insert_session, move_on, update_session
from service.journal.subject import Subject
from service.journal.tail import Tail
from service.share import Share

TAIL_BYTES = 2**26  # the most that waits to be folded, in memory and to be read at the next start
TAIL_BATCHES = 2**16
HALF = 0.5  # of the tail, from which on each append folds a piece, so that none has to fold all of it
SPILL = 2**14  # readings of one transaction when an append has to fold by itself


def open_sqlite(
    place: str,
    width: int,
    frequency: str,
    durable: Durable,
    subject: Subject | None = None,
    share: Share | None = None,
) -> SqliteJournal:
    """The journal in the file `place`; see `open_journal`."""
    if not place:
        raise JournalError('a SQLite journal needs a path: "sqlite:PATH"')
    return SqliteJournal(Path(place), width, frequency, durable, subject=subject, share=share)


class SqliteJournal:
    """Owned by one process. Verdicts are reached in memory; the disk sees one short transaction a batch."""

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
    ) -> None:
        self.path = Path(os.path.realpath(path.expanduser()))  # one file, one lock, whatever links lead to it
        self.durable: Durable = durable
        self._tail_rows = max(1, tail_bytes // Tail.bytes_per_row(width))
        self._lock = RLock()
        self._round: Round | None = None  # of folding, that has begun
        self._owner = Ownership(self.path)
        try:
            self._database = schema.connect(self.path, durable)
        except BaseException:
            self._owner.release()
            raise
        try:
            self._segment_rows = schema.prepare(
                self._database, self.path, width, frequency, segment_rows, subject, share or Share()
            )
            self._heads = load_heads(self._database, self.path, width)
            self._tail, self._batches = load_tail(self._database, self.path, self._heads)
            self._owner.watch(self.path, self.path.with_name(self.path.name + "-wal"))
        except BaseException:
            self.close()
            raise

    def create(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
    ) -> Head:
        if self.head(name) is not None:
            raise exists(name)
        begun = Beginning(name, start, origin, self._heads.checked(values, origin), static or {}, regime)
        with self._lock:
            with self._transaction("create a session"):
                key = insert_session(self._database, begun)
                if key > MOST_KEYS:
                    raise JournalError(f"the journal {self.path} has had {MOST_KEYS} sessions: begin another one")
                self._write_history(key, FIRST_REVISION, begun.values, checkpoint)
            return self._heads.put(key, FIRST_REVISION, begun)

    def replace(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
    ) -> Head:
        return self._replace([Beginning(name, start, origin, values, static or {}, regime)], checkpoint)[0]

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head | None]:
        with self._lock:
            follow = [self._follows(each) for each in beginnings]
            anew = iter(self._replace([each for each, does in zip(beginnings, follow, strict=True) if does], None))
            return [next(anew) if does else None for does in follow]

    def head(self, name: str) -> Head | None:
        return self.heads([name])[0]

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        with self._lock:
            with sound(self.path, "look sessions up"):
                found = find_sessions(self._database, names, self._heads.width)
            return [self._heads.head(*found[name]) if name in found else None for name in names]

    def names(self) -> list[str]:
        with self._lock, sound(self.path, "read its sessions"):
            return [name for (name,) in self._database.execute("SELECT name FROM sessions")]

    def count(self) -> int:
        return len(self._heads)

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        with self._lock:
            slots = self._heads.slots(readings.keys)
            follows, accepted = self._heads.judge(slots, readings)
            if not len(accepted.keys):
                return follows
            if self._fuller_than(HALF):
                # Before anything is written: if the fold fails, so does the append, and nothing is recorded.
                self._make_room()
            self._owner.check()
            with explained(self.path, "record readings"):
                self._database.execute(
                    "INSERT INTO batches (id, count, body) VALUES (?, ?, ?)",
                    (self._tail.end, len(accepted.keys), batches.encode(accepted)),
                )
            self._batches += 1
            slots = slots if accepted is readings else slots[follows]
            self._heads.advance(slots, accepted.steps, accepted.values)
            self._tail.push(accepted, slots, self._heads.tail)
            return follows

    def load(
        self, key: int, digest: str | None = None, until: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        key = int(key)  # SQLite takes no numpy integers
        with self._lock:
            slot = self._heads.slot(key)
            revision, last = int(self._heads.revision[slot]), int(self._heads.last_step[slot])
            last = last if until is None else min(int(until), last)
            with sound(self.path, "read a checkpoint"):
                newest = newest_checkpoint(self._database, key, revision, last, digest)
            return newest, self.readings(key, 0 if newest is None else newest.step + 1, last)

    def states(self, keys: NDArray[np.int64], digest: str) -> list[NDArray[np.float32] | None]:
        with self._lock:
            slots = self._heads.slots(keys)
            revisions, steps = self._heads.revision[slots].tolist(), self._heads.last_step[slots].tolist()
            with sound(self.path, "read checkpoints"):
                return states_at(self._database, keys.tolist(), revisions, steps, digest)

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        key = int(key)
        with self._lock:
            slot = self._heads.slot(key)
            head = int(self._heads.last_step[slot])
            first, last = max(int(first), 0), min(int(last), head)
            if first > last:
                return np.empty((0, self._heads.width))
            recent = self._tail.chain(int(self._heads.tail[slot]), head - first + 1)
            begin = head - len(recent) + 1  # the step of its first row
            recent = recent[: last - begin + 1] if last >= begin else recent[:0]
            if first >= begin:
                return recent
            return np.concatenate((self._folded(key, first, min(last, begin - 1)), recent))

    def save(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> None:
        with self._lock:
            current = self._heads.current(keys, checkpoints)
            if not current:
                return
            with self._transaction("save checkpoints"):
                save_checkpoints(self._database, current)

    def fold(self, limit: int) -> int:
        with self._lock:
            while limit > 0 and len(self._tail):
                limit -= self._fold(self._round or Round(self._tail), limit)
            return self._unfolded

    @property
    def _unfolded(self) -> int:
        """Readings of the tail that are not folded; those of a round stay there until it ends."""
        return len(self._tail) if self._round is None else self._round.left + self._tail.end - self._round.end

    def _fuller_than(self, share: float) -> bool:
        """Whether the tail has more than this share of what it may have."""
        return len(self._tail) >= share * self._tail_rows or self._batches >= share * TAIL_BATCHES

    def _make_room(self) -> None:
        """Folds a piece; where the tail is full, all of a round, since only at its end does what is folded leave."""
        begun = self._round or Round(self._tail)
        self._fold(begun, SPILL)
        while begun.left and self._fuller_than(1):
            self._fold(begun, SPILL)

    def _fold(self, folding: Round, limit: int) -> int:
        """Folds so many readings of a round; returns how many those were."""
        found = folding.next(limit)
        rows = len(found.keys)
        alive = self._heads.revision[self._heads.slots(found.keys)] == found.revisions
        moved = Readings(found.keys[alive], found.revisions[alive], found.steps[alive], found.values[alive])
        ends = rows == folding.left
        with self._transaction("fold its tail"):
            move_on(self._database, moved, self._segment_rows)
            if ends:
                end = folding.end
                gone = self._database.execute("DELETE FROM batches WHERE id < ? AND id + count <= ?", (end, end))
        folding.folded(rows)
        self._round = folding
        if ends:
            self._round = None
            self._tail.drop(folding.end - self._tail.base)
            self._batches -= gone.rowcount
        return rows

    def delete(self, name: str) -> None:
        with self._lock:
            key = self._key(name)
            with self._transaction("delete a session"):
                self._database.execute("DELETE FROM sessions WHERE key = ?", (key,))
                self._drop_history(key)
            self._heads.remove(key)

    def close(self) -> None:
        with self._lock:
            try:
                with explained(self.path, "be closed"):
                    self._database.close()
            finally:
                self._owner.release()

    def _follows(self, begun: Beginning) -> bool:
        slot = self._heads.slot(self._key(begun.name))
        return begun.revision in (0, int(self._heads.revision[slot]))

    def _key(self, name: str) -> int:
        head = self.head(name)
        if head is None:
            raise unknown(name)
        return head.key

    def _transaction(self, doing: str) -> AbstractContextManager[None]:
        self._owner.check()
        return transaction(self._database, self.path, doing)

    def _replace(self, beginnings: Sequence[Beginning], checkpoint: Checkpoint | None) -> list[Head]:
        with self._lock:
            keys = [self._key(each.name) for each in beginnings]
            beginnings = [replace(each, values=self._heads.checked(each.values, each.origin)) for each in beginnings]
            revisions = [int(self._heads.revision[self._heads.slot(key)]) + 1 for key in keys]
            anew = list(zip(keys, revisions, beginnings, strict=True))
            with self._transaction("replace a session"):
                for key, revision, begun in anew:
                    update_session(self._database, key, revision, begun)
                    self._drop_history(key)
                    self._write_history(key, revision, begun.values, checkpoint)
            return [self._heads.put(*each) for each in anew]

    def _write_history(
        self, key: int, revision: int, values: NDArray[np.float64], checkpoint: Checkpoint | None
    ) -> None:
        steps = np.arange(len(values))
        add_readings(self._database, np.full(len(values), key), steps, values, self._segment_rows)
        if checkpoint is not None and NO_READING <= checkpoint.step < len(values):
            save_checkpoints(self._database, [(key, replace(checkpoint, revision=revision))])

    def _drop_history(self, key: int) -> None:
        drop_readings(self._database, key)
        drop_checkpoints(self._database, key)

    def _folded(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        with sound(self.path, "read readings"):
            return read_readings(self._database, key, first, last, self._segment_rows, self._heads.width)
