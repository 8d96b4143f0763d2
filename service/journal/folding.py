"""Folding: readings move from the tail of a SQLite journal, where batches land, to the segments of their sessions."""

from __future__ import annotations

import sqlite3

from service.journal.faults import explained
from service.journal.protocol import Readings
from service.journal.rounds import Round
from service.journal.rows import move_on
from service.journal.store import Store

TAIL_BATCHES = 2**16  # that wait to be folded, at most
HALF = 0.5  # of the tail, from which on each append folds a piece, so that none has to fold all of it
SPILL = 2**14  # readings of one transaction when an append has to fold by itself


class Folding:
    """Goes round by round through the tail; see rounds.py. Its callers hold the store's lock."""

    def __init__(self, store: Store, tail_rows: int) -> None:
        self._store = store
        self._tail_rows = tail_rows
        self._half = HALF * tail_rows
        self._round: Round | None = None  # that has begun
        self._erased = -1  # where the tail ended when something was last erased; -1: nothing to be cleaned up

    @property
    def left(self) -> int:
        """Readings of the tail that are not folded; those of a round stay there until it ends."""
        tail = self._store.tail
        return len(tail) if self._round is None else self._round.left + tail.end - self._round.end

    def fold(self, limit: int) -> int:
        """Folds up to so many readings; returns how many are left."""
        while limit > 0 and len(self._store.tail):
            limit -= self._fold(self._round or Round(self._store.tail), limit)
        if 0 <= self._erased <= self._store.tail.base:
            self._clean()
        return self.left

    def erased(self) -> None:
        """Something was deleted: once the batches that have it too are folded, the log is emptied of it."""
        self._erased = self._store.tail.end

    def half_full(self) -> bool:
        """Whether the tail has more than half of what it may have. Every append asks."""
        store = self._store
        return len(store.tail) >= self._half or store.batches >= HALF * TAIL_BATCHES

    def make_room(self) -> None:
        """Folds a piece; where the tail is full, all of a round, since only at its end does what is folded leave."""
        begun = self._round or Round(self._store.tail)
        self._fold(begun, SPILL)
        while begun.left and self._full:
            self._fold(begun, SPILL)

    @property
    def _full(self) -> bool:
        return len(self._store.tail) >= self._tail_rows or self._store.batches >= TAIL_BATCHES

    def _fold(self, folding: Round, limit: int) -> int:
        """Folds so many readings of a round; returns how many those were."""
        store, found = self._store, folding.next(limit)
        rows = len(found.keys)
        slots = store.heads.slots(found.keys)
        alive = store.heads.revision[slots] == found.revisions
        moved = Readings(found.keys[alive], found.revisions[alive], found.steps[alive], found.values[alive])
        ends = rows == folding.left
        with store.transaction("fold its tail"):
            move_on(store.database, moved, store.heads.first_step[slots[alive]], store.segment_rows, store.clock())
            if ends:
                end = folding.end
                gone = store.database.execute("DELETE FROM batches WHERE id < ? AND id + count <= ?", (end, end))
        store.heads.touch(slots[alive])
        folding.folded(rows)
        self._round = folding
        if ends:
            self._round = None
            store.tail.drop(folding.end - store.tail.base)
            store.batches -= gone.rowcount
        return rows

    def _clean(self) -> None:
        """Empties the log, unless somebody is reading it; then the next fold tries again."""
        database = self._store.database
        with explained(self._store.path, "empty its log"):
            database.execute("PRAGMA busy_timeout = 0")
            try:
                (busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as fault:
                if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                busy = 1
            finally:
                database.execute("PRAGMA busy_timeout = 1000")
        self._erased = self._erased if busy else -1
