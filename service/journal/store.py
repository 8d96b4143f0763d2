"""What the parts of a SQLite journal share: connection and owner, the tail, and where the sessions stand."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from service.errors import UnknownSession
from service.journal import schema
from service.journal.faults import explained, sound, transaction
from service.journal.heads import NOBODY, Heads
from service.journal.ownership import Ownership
from service.journal.protocol import Durable, Head, Wanted
from service.journal.restore import load_tail
from service.journal.segments import add_readings, read_readings
from service.journal.sessions import find_sessions, folded_step, list_sessions, load_places, session_of
from service.journal.subject import Subject
from service.share import Share

LEAST_HEADS = 4096  # sessions that stand in memory, if so many were asked for: about 50 bytes each
LET_GO_SHARE = 16  # when there are too many, a sixteenth of them goes at once
LET_GO_AT_ONCE = 4096  # but no more than so many, since readings wait meanwhile

Clock = Callable[[], float]


class Store:
    """A journal's file while one process owns it.

    Of the sessions only those stand in memory that are in the tail or were asked for lately; the others are loaded when
    they are asked for. A session that stands there is ahead of its row in the file by what waits in the tail; one of
    which nothing waits is all in its row, so it may leave at any moment at which nobody holds its slot: before others
    are loaded.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        frequency: str,
        durable: Durable,
        segment_rows: int | None,  # of a new journal; an old one keeps its own
        subject: Subject | None,
        share: Share,
        clock: Clock,
        heads: int,  # sessions that stand in memory beside those of the tail
    ) -> None:
        self.most_heads = heads
        self._looked, self._enough = -1, 0  # where the tail began at the last look, and how many may stand until then
        self.path = Path(os.path.realpath(path.expanduser()))  # one file, one lock, whatever links lead to it
        self.clock = clock
        self.lock = RLock()
        self.owner = Ownership(self.path)
        self.log = self.path.with_name(self.path.name + "-wal")
        try:
            self.database: sqlite3.Connection = schema.connect(self.path, durable)
        except BaseException:
            self.owner.release()
            raise
        try:
            self.segment_rows = schema.prepare(
                self.database, self.path, width, frequency, segment_rows, subject, share, clock()
            )
            self.heads = Heads(width)
            self.tail, self.batches = load_tail(self.database, self.path, self.heads)
            self.owner.watch(self.path, self.log)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        try:
            with explained(self.path, "be closed"):
                self.database.close()
        finally:
            self.owner.release()

    def transaction(self, doing: str) -> AbstractContextManager[None]:
        self.owner.check()
        return transaction(self.database, self.path, doing)

    def find(self, names: Sequence[str]) -> dict[str, Head]:
        """Where those of these sessions stand that there are; `JournalDamaged` names one that is damaged."""
        with sound(self.path, "look sessions up"):
            found = find_sessions(self.database, names, self.heads.width)
        return dict(zip(found, self.current(list(found.values()), load=True), strict=True))

    def listing(self, wanted: Wanted) -> list[Head]:
        """See `Journal.listing`; nobody is loaded for it."""
        found: list[Head] = []
        with sound(self.path, "list its sessions"):
            folded = list_sessions(self.database, wanted, self.heads.width)
            while len(found) < wanted.limit:
                some = [head for _, head in zip(range(wanted.limit - len(found)), folded, strict=False)]
                if not some:
                    break
                idle = wanted.idle_since  # one of which readings wait is not idle, whatever its row says
                found += [head for head in self.current(some) if idle is None or head.seen < idle]
        return found

    def under(self, key: int) -> Head:
        """The session under a key; `UnknownSession` if there is none."""
        self.slot(key)
        with sound(self.path, "look a session up"):
            return self.current([session_of(self.database, key, self.heads.width)])[0]

    def current(self, folded: Sequence[Head], load: bool = False) -> list[Head]:
        """Sessions as they stand now, from their rows in the file; with `load` they stand in memory from now on."""
        keys = np.array([head.key for head in folded], np.int64)
        slots = self.heads.slots(keys).tolist()
        if load and (new := [head for head, slot in zip(folded, slots, strict=True) if slot == NOBODY]):
            self.stand(new, keys)
        if load:
            self.heads.touch(self.heads.slots(keys))
        ahead = [slot != NOBODY and self.waits(slot) for slot in slots]
        return [
            self._ahead(head, slot) if moved else head for head, slot, moved in zip(folded, slots, ahead, strict=True)
        ]

    def slot(self, key: int) -> int:
        """The slot of one session, which is loaded if it is not; `UnknownSession` if there is none under that key."""
        try:
            slot = self.heads.slot(key)
        except UnknownSession:
            self._fetch(np.array([key]))
            slot = self.heads.slot(key)
        self.heads.touch(slot)
        return slot

    def slots(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The slot of each session, NOBODY for keys of none; those that are not loaded yet are."""
        slots = self.heads.slots(keys)
        if len(slots) and slots.min() == NOBODY:
            self._fetch(keys)
            slots = self.heads.slots(keys)
        self.heads.touch(slots)
        return slots

    def waits(self, slot: int) -> bool:
        """Whether readings of the session may not be folded yet."""
        return bool(self.heads.tail[slot] >= self.tail.base)

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        """Those of steps `first` to `last` that are kept, from the segments and the tail: (n, width)."""
        heads, slot = self.heads, self.slot(key)
        head = int(heads.last_step[slot])
        first, last = max(int(first), int(heads.first_step[slot])), min(int(last), head)
        if first > last:
            return np.empty((0, heads.width))
        recent = self.tail.chain(int(heads.tail[slot]), head - first + 1)
        begin = head - len(recent) + 1  # the step of its first row
        recent = recent[: last - begin + 1] if last >= begin else recent[:0]
        if first >= begin:
            return recent
        stop = min(last, begin - 1)
        with sound(self.path, "read readings"):
            folded = read_readings(self.database, key, first, stop, self.segment_rows, heads.width)
        return np.concatenate((folded, recent))

    def settle(self, key: int, before: int) -> int:
        """Writes what waits of a session, up to step `before`, to its segments, within the caller's transaction.

        Its row in the file is left to the caller, who moves it on; its rows in the tail then are nobody's. Returns the
        last step that was in the segments until now.
        """
        first = folded_step(self.database, key) + 1
        if first < before:
            values = self.readings(key, first, before - 1)
            steps = np.arange(first, before)
            add_readings(self.database, np.full(len(steps), key), steps, values, self.segment_rows)
        return first - 1

    def stand(self, heads: Sequence[Head], beside: NDArray[np.int64] | None = None) -> None:
        """Sets sessions of which nothing waits in the tail; those under the keys `beside` do not leave for them."""
        keys = np.array([head.key for head in heads])
        self._make_way(len(keys), keys if beside is None else beside)
        self.heads.put_all(
            keys,
            np.array([-head.revision if head.expired else head.revision for head in heads]),
            np.array([head.last_step for head in heads]),
            np.array([head.last_values for head in heads]),
            np.array([head.first_step for head in heads]),
        )

    def _fetch(self, keys: NDArray[np.int64]) -> None:
        """Loads those of these sessions that there are and that are not loaded yet."""
        missing = np.unique(keys[self.heads.slots(keys) == NOBODY])
        self._make_way(len(missing), keys)
        with sound(self.path, "read its sessions"):
            load_places(self.database, self.heads, missing)

    def _make_way(self, sessions: int, spared: NDArray[np.int64]) -> None:
        """Before so many are set: others leave, those first that were not asked for longest."""
        heads, base = self.heads, self.tail.base
        if len(heads) + sessions <= (self._enough if base == self._looked else self.most_heads):
            return
        share = min(max(1, self.most_heads // LET_GO_SHARE), LET_GO_AT_ONCE)
        heads.let_go(max(len(heads) + sessions - self.most_heads, share), base, spared)
        left = len(heads) + sessions
        # Where too many wait in the tail, it is no use to look again before it was folded, or a good deal more came.
        self._looked, self._enough = base, self.most_heads if left <= self.most_heads else left + share

    def _ahead(self, folded: Head, slot: int) -> Head:
        """A session of which readings wait: it was seen just now."""
        last, values = int(self.heads.last_step[slot]), self.heads.last_values[slot].copy()
        return replace(folded, last_step=last, last_values=values, seen=self.clock())
