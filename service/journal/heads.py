"""Where every session stands, as arrays: the judge of which readings follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import SessionExists, UnknownSession
from service.journal.protocol import NO_READING, Beginning, Checkpoint, Head, Readings, Static

NOBODY = 0  # the slot that every unknown key leads to
ORIGIN_BYTES = 64  # a sha256 in hexadecimal
MOST_KEYS = 2**31 - 1


class Heads:
    """One slot a session in arrays that are reused, so that memory follows the sessions alive and not those ever made.

    `tail` is a column for the journal's own use: where the session's newest reading is in the tail, or -1.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.start = np.zeros(1, np.int64)
        self.revision = np.full(1, -1, np.int64)
        self.last_step = np.full(1, -1, np.int64)
        self.last_values = np.zeros((1, width), np.float64)
        self.origin = np.zeros(1, f"S{ORIGIN_BYTES}")
        self.tail = np.full(1, -1, np.int64)
        self.regime = np.zeros(1, np.bool_)
        self._static: dict[int, dict[str, float]] = {}  # by key, of those sessions that have some
        self._keys: dict[str, int] = {}
        self._slots = np.zeros(2, np.int32)  # by key; the first and the last are always NOBODY
        self._free: list[int] = []
        self._used = 1

    def __len__(self) -> int:
        return len(self._keys)

    def names(self) -> list[str]:
        return list(self._keys)

    def slots(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The slot of each key, NOBODY for keys that are no session's."""
        return self._slots.take(keys, mode="clip").astype(np.int64)

    def slot(self, key: int) -> int:
        """The slot of one key; `UnknownSession` if it is no session's."""
        slot = int(self._slots[key]) if 0 <= key < len(self._slots) else NOBODY
        if slot == NOBODY:
            raise UnknownSession(f"the journal has no session under key {key}: it was deleted")
        return slot

    def key(self, name: str) -> int:
        """The key of a session; `UnknownSession` if there is none of that name."""
        key = self._keys.get(name)
        if key is None:
            raise UnknownSession(f"there is no session {name!r}; create it first")
        return key

    def absent(self, name: str) -> None:
        """`SessionExists` if there is a session of that name."""
        if name in self._keys:
            raise SessionExists(f"there is a session {name!r} already; replace it, or choose another name")

    def head(self, name: str) -> Head | None:
        key = self._keys.get(name)
        return None if key is None else self._head(name, key)

    def checked(self, values: NDArray[np.float64], origin: str) -> NDArray[np.float64]:
        """The values as rows of this journal's width, or `ValueError`."""
        if values.ndim != 2 or values.shape[1] != self.width:
            raise ValueError(f"expected values of shape (steps, {self.width}), got {values.shape}")
        if len(origin.encode()) > ORIGIN_BYTES:
            raise ValueError(f"expected an origin of at most {ORIGIN_BYTES} bytes, got {len(origin.encode())}")
        return np.ascontiguousarray(values, np.float64)

    def current(self, key: int, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint is one of the history that the session has now."""
        slot = int(self.slots(np.array([key]))[0])
        if slot == NOBODY or self.revision[slot] != checkpoint.revision:
            return False
        return NO_READING <= checkpoint.step <= int(self.last_step[slot])

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
        rows = len(readings.keys)
        if not len(readings.revisions) == len(readings.steps) == rows:
            raise ValueError(
                f"expected columns of {rows} rows, got {len(readings.revisions)} and {len(readings.steps)}"
            )
        if readings.values.shape != (rows, self.width):
            raise ValueError(f"expected values of shape {(rows, self.width)}, got {readings.values.shape}")
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
        self.put_all(
            [begun.name], np.array([key]), [begun.start], [revision], [len(values) - 1], last, [begun.origin],
            {key: begun.static}, [begun.regime],
        )  # fmt: skip
        return self._head(begun.name, key)

    def put_all(
        self,
        names: Sequence[str],
        keys: NDArray[np.int64],
        start: Sequence[int],
        revision: Sequence[int],
        last_step: Sequence[int],
        last_values: NDArray[np.float64],  # (sessions, width)
        origin: Sequence[str],
        static: Mapping[int, Static],  # by key; of those that are left out nothing changes
        regime: Sequence[bool],
    ) -> None:
        """Sets sessions, new or known, by columns."""
        self._make_room(int(keys.max(initial=0)), len(names))
        slots = self.slots(keys)
        new = np.flatnonzero(slots == NOBODY)
        slots[new] = [self._vacant() for _ in range(len(new))]
        self._slots[keys] = slots
        self._keys.update(zip(names, keys.tolist(), strict=True))
        self.start[slots] = start
        self.revision[slots] = revision
        self.last_step[slots] = last_step
        self.last_values[slots] = last_values
        self.origin[slots] = [text.encode() for text in origin]
        self.regime[slots] = regime
        self.tail[slots] = -1
        for key, features in static.items():
            self._static.pop(key, None)
            if features:
                self._static[key] = dict(features)

    def remove(self, name: str) -> None:
        """Forgets a session; its key leads to nobody from now on."""
        key = self._keys.pop(name)
        self._static.pop(key, None)
        slot = int(self._slots[key])
        self._slots[key] = NOBODY
        self.revision[slot] = -1
        self._free.append(slot)

    def _head(self, name: str, key: int) -> Head:
        slot = int(self._slots[key])
        return Head(
            key=key,
            name=name,
            start=int(self.start[slot]),
            revision=int(self.revision[slot]),
            last_step=int(self.last_step[slot]),
            last_values=self.last_values[slot].copy(),
            origin=bytes(self.origin[slot]).decode(),
            static=dict(self._static.get(key, {})),
            regime=bool(self.regime[slot]),
        )

    def _vacant(self) -> int:
        if self._free:
            return self._free.pop()
        self._used += 1
        return self._used - 1

    def _make_room(self, key: int, sessions: int) -> None:
        if key + 2 > len(self._slots):  # one more than the keys, so that the last entry stays NOBODY
            self._slots = _grown(self._slots, max(key + 2, 2 * len(self._slots)))
        if self._used + sessions <= len(self.start):
            return
        size = max(self._used + sessions, 2 * len(self.start))
        self.start = _grown(self.start, size)
        self.revision = _grown(self.revision, size)
        self.last_step = _grown(self.last_step, size)
        self.last_values = _grown(self.last_values, size)
        self.origin = _grown(self.origin, size)
        self.tail = _grown(self.tail, size)
        self.regime = _grown(self.regime, size)


def _grown(column: NDArray[Any], size: int) -> NDArray[Any]:
    grown = np.zeros((size, *column.shape[1:]), column.dtype)  # zeros: pages never written to cost no memory
    grown[: len(column)] = column
    return grown


def _different(slots: NDArray[np.int64]) -> bool:
    """Whether no two are the same."""
    ordered = np.sort(slots)
    return len(slots) == 1 or not (ordered[1:] == ordered[:-1]).any()
