"""Where every session stands, as arrays: the judge of which readings follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import SessionExists, UnknownSession
from service.journal.protocol import Beginning, Checkpoint, Head, Readings
from service.journal.shapes import check_batch, checked
from service.names import outside

NOBODY = 0  # the slot that every unknown key leads to
MOST_KEYS = 2**31 - 1


class Heads:
    """One slot a session in arrays that are reused, so that memory follows the sessions alive and not those ever made.

    By key, and only what a reading is judged by: names, and what a session was made from, are the journal's to find.
    `tail` is a column for the journal's own use: where the session's newest reading is in the tail, or -1. A revision
    that is held negative is that of a session which has expired: nothing follows it.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.revision = np.full(1, -1, np.int32)
        self.last_step = np.full(1, -1, np.int64)
        self.last_values = np.zeros((1, width), np.float64)
        self.first_step = np.zeros(1, np.int64)
        self.tail = np.full(1, -1, np.int64)
        self._keys = np.zeros(1, np.int32)  # by slot; 0: a slot that is free
        self._used_at = np.zeros(1, np.int64)  # by slot, the number of the last `touch`
        self._touches = 0
        self._slots = np.zeros(2, np.int32)  # by key; the first and the last are always NOBODY
        self._free: list[int] = []
        self._used = 1

    def __len__(self) -> int:
        return self._used - 1 - len(self._free)

    def slots(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The slot of each key, NOBODY for keys that are no session's."""
        return self._slots.take(keys, mode="clip").astype(np.int64)

    def slot(self, key: int) -> int:
        """The slot of one key; `UnknownSession` if it is no session's."""
        slot = int(self._slots[key]) if 0 <= key < len(self._slots) else NOBODY
        if slot == NOBODY:
            raise unknown_key(key)
        return slot

    def head(self, key: int, begun: Beginning) -> Head:
        """The head of a session that began so; `UnknownSession` if the key is no session's."""
        slot = self.slot(key)
        return Head(
            key=key,
            name=begun.name,
            start=int(begun.start),
            revision=abs(int(self.revision[slot])),
            last_step=int(self.last_step[slot]),
            last_values=self.last_values[slot].copy(),
            origin=begun.origin,
            static=dict(begun.static),
            regime=bool(begun.regime),
            calibrate=bool(begun.calibrate),
            quality=bool(begun.quality),
        )

    def checked(self, values: NDArray[np.float64], origin: str) -> NDArray[np.float64]:
        """The values as rows of this journal's width, or `ValueError`."""
        return checked(values, origin, self.width)

    def current(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> list[tuple[int, Checkpoint]]:
        """Those checkpoints, each with its key, that are of the history which their session has now."""
        revisions = np.array([checkpoint.revision for checkpoint in checkpoints], np.int64)
        steps = np.array([checkpoint.step for checkpoint in checkpoints], np.int64)
        slots = self.slots(keys)
        ours = (slots != NOBODY) & (self.revision[slots] == revisions)
        ours &= (steps >= self.first_step[slots] - 1) & (steps <= self.last_step[slots])
        pairs = zip(keys.tolist(), checkpoints, strict=True)
        return [pair for pair, kept in zip(pairs, ours.tolist(), strict=True) if kept]

    def follow(
        self, slots: NDArray[np.int64], revisions: NDArray[np.int64], steps: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether each row is its session's next reading, given that the rows before it in the batch are recorded."""
        matches: NDArray[np.bool_] = (slots != NOBODY) & (self.revision[slots] == revisions)
        expected = self.last_step[slots] + 1
        if (matches & (expected == steps)).all() and _different(slots):
            return matches
        order = np.argsort(slots, kind="stable")
        grouped = slots[order]
        again = grouped[1:] == grouped[:-1]
        if not again.any():
            matches &= expected == steps
            return matches
        # A session that comes several times: its k-th row must be k steps further, and all before it must match.
        first = np.flatnonzero(np.concatenate(([True], ~again)))  # (sessions,) where each begins in `order`
        lengths = np.diff(np.append(first, len(order)))
        nth = np.arange(len(order)) - np.repeat(first, lengths)
        wrong = ~(matches[order] & (expected[order] + nth == steps[order]))
        before = np.cumsum(wrong) - wrong
        wrong |= before > np.repeat(before[first], lengths)
        follows = np.empty(len(order), np.bool_)
        follows[order] = ~wrong
        return follows

    def judge(self, slots: NDArray[np.int64], readings: Readings) -> tuple[NDArray[np.bool_], Readings]:
        """Which rows follow, and those alone; `ValueError` if the columns do not fit each other."""
        check_batch(readings, self.width)
        follows = self.follow(slots, readings.revisions, readings.steps)
        if follows.all():
            return follows, readings
        accepted = Readings(
            readings.keys[follows],
            readings.revisions[follows],
            readings.steps[follows],
            readings.values[follows],
        )
        return follows, accepted

    def advance(self, slots: NDArray[np.int64], steps: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Moves the sessions on by rows that follow; of several rows of a session the last one stands."""
        self.last_step[slots] = steps
        self.last_values[slots] = values

    def put(self, key: int, revision: int, begun: Beginning) -> Head:
        """Sets a session, new or known, as it begins."""
        values = begun.values
        last = values[-1:] if len(values) else np.full((1, self.width), np.nan)
        self.put_all(np.array([key]), np.array([revision]), np.array([len(values) - 1]), last)
        return self.head(key, begun)

    def put_all(
        self,
        keys: NDArray[np.int64],  # (sessions,)
        revision: NDArray[np.int64],
        last_step: NDArray[np.int64],
        last_values: NDArray[np.float64],  # (sessions, width)
        first_step: NDArray[np.int64] | int = 0,
    ) -> None:
        """Sets sessions, new or known, by columns."""
        self._make_room(int(keys.max(initial=0)), len(keys))
        slots = self.slots(keys)
        new = np.flatnonzero(slots == NOBODY)
        slots[new] = self._vacant(len(new))
        self._slots[keys] = slots
        self.revision[slots] = revision
        self.last_step[slots] = last_step
        self.last_values[slots] = last_values
        self.first_step[slots] = first_step
        self.tail[slots] = -1
        self._keys[slots] = keys
        self.touch(slots)

    def remove(self, key: int) -> None:
        """Forgets a session, if it stands here; its key leads to nobody from now on."""
        slots = self.slots(np.array([key]))
        if slots[0] != NOBODY:
            self._vacate(slots)

    def touch(self, slots: NDArray[np.int64] | int) -> None:
        """These are used now, and so leave after those that were used before."""
        self._touches += 1
        self._used_at[slots] = self._touches

    def let_go(self, sessions: int, base: int, spared: NDArray[np.int64]) -> None:
        """Forgets so many, those that were used longest ago first: none of these keys, nor any of which readings wait.

        What waits is at `base` in the tail, or behind it. There may be fewer that can go.
        """
        may = (self._keys[: self._used] > 0) & (self.tail[: self._used] < base)
        may[self.slots(spared)] = False
        slots = np.flatnonzero(may)
        if len(slots) > sessions:
            slots = slots[np.argpartition(self._used_at[slots], sessions)[:sessions]]
        self._vacate(slots)

    def _vacate(self, slots: NDArray[np.int64]) -> None:
        self._slots[self._keys[slots]] = NOBODY
        self._keys[slots] = 0
        self.revision[slots] = -1
        self._free += slots.tolist()

    def _vacant(self, sessions: int) -> list[int]:
        again = [self._free.pop() for _ in range(min(sessions, len(self._free)))]
        new = range(self._used, self._used + sessions - len(again))
        self._used = new.stop
        return [*again, *new]

    def _make_room(self, key: int, sessions: int) -> None:
        if key + 2 > len(self._slots):  # one more than the keys, so that the last entry stays NOBODY
            self._slots = _grown(self._slots, max(key + 2, 2 * len(self._slots)))
        if self._used + sessions <= len(self.revision):
            return
        size = max(self._used + sessions, 2 * len(self.revision))
        self.revision = _grown(self.revision, size)
        self.last_step = _grown(self.last_step, size)
        self.last_values = _grown(self.last_values, size)
        self.first_step = _grown(self.first_step, size)
        self.tail = _grown(self.tail, size)
        self._keys = _grown(self._keys, size)
        self._used_at = _grown(self._used_at, size)


def exists(name: str) -> SessionExists:
    return SessionExists(
        f"there is a session {outside(name)!r} already; replace it (replace=true), or choose another name"
    )


def unknown(name: str) -> UnknownSession:
    return UnknownSession(f"there is no session {outside(name)!r}; create it first (PUT /v1/sessions/{{id}})")


def unknown_key(key: int) -> UnknownSession:
    return UnknownSession(f"the journal has no session under key {key}: it was deleted")


def _grown(column: NDArray[Any], size: int) -> NDArray[Any]:
    grown = np.zeros((size, *column.shape[1:]), column.dtype)  # zeros: pages never written to cost no memory
    grown[: len(column)] = column
    return grown


def _different(slots: NDArray[np.int64]) -> bool:
    """Whether no two are the same."""
    ordered = np.sort(slots)
    return len(slots) == 1 or not (ordered[1:] == ordered[:-1]).any()
