"""States that live sessions had some readings ago, kept in memory: what lies before one can go without a replay."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from service.sessions import NOWHERE, SessionTable

AT_ONCE = 1024  # states that are copied in one piece, about as long as a batch takes

Rows = NDArray[np.int64]
Bodies = Callable[[Rows], list[NDArray[np.float32]]]  # as `ArenaCache.bodies`
Mark = tuple[int, NDArray[np.float32]]  # a step, and the state after it


class Marks:
    """Of each session that speaks a few, one for each time that so many readings have come since the last one.

    A state that is at hand between two batches is the one after the session's last step, so a mark costs a copy. It is
    worth something as long as its session is of the same revision: then no reading before it has changed. At most
    `most` bytes of them are kept, those of the sessions that were marked last.
    """

    def __init__(self, table: SessionTable, bodies: Bodies, most: int) -> None:
        self._table = table
        self._bodies = bodies
        self._most = most
        self._bytes = 0
        self._of: dict[int, deque[Mark]] = {}  # by row of the table, those that were marked last behind
        self._key = np.full(0, -1, np.int64)  # by row, of which session they are, and the step of the newest
        self._revision = np.zeros(0, np.int64)
        self._step = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def look(self, rows: Rows, apart: Rows) -> None:
        """Marks those whose states are at hand and have moved by `apart` (rows,) readings, some of them at most.

        `rows` are all of a part of the table; what was marked of sessions that are gone from it goes.
        """
        table, (ours, step) = self._table, self._newest(rows)
        for row in rows[(self._key[rows] >= 0) & ~ours].tolist():
            self.drop(row)
        since = np.maximum(step, table.first_step[rows] - 1)
        moved = (table.key[rows] > 0) & (table.slot[rows] != NOWHERE) & (table.last_step[rows] - since >= apart)
        self._take(rows[moved][:AT_ONCE])

    def find(self, row: int, low: int, high: int) -> Mark | None:
        """The newest mark of this session, with `low` <= step <= `high`."""
        ours, _ = self._newest(np.array([row]))
        if not ours[0]:
            return None
        return next(((step, body) for step, body in reversed(self._of[row]) if low <= step <= high), None)

    def pass_by(self, row: int, step: int) -> None:
        """The marks of this session up to a step are worth nothing any more."""
        marks = self._of.get(row)
        while marks and marks[0][0] <= step:
            self._bytes -= marks.popleft()[1].nbytes

    def drop(self, row: int) -> None:
        """All marks of a row."""
        self._bytes -= sum(body.nbytes for _, body in self._of.pop(row, ()))
        self._key[row] = -1

    def _newest(self, rows: Rows) -> tuple[NDArray[np.bool_], Rows]:
        """Whether there are marks of the sessions that are in these rows now, and the newest one's step, else -1."""
        table = self._table
        if len(self._key) < len(table.key):
            more = len(table.key) - len(self._key)
            self._key = np.append(self._key, np.full(more, -1))
            self._revision, self._step = (
                np.append(each, np.zeros(more, np.int64)) for each in (self._revision, self._step)
            )
        ours = (self._key[rows] >= 0) & (self._key[rows] == table.key[rows])
        ours &= self._revision[rows] == table.revision[rows]
        return ours, np.where(ours, self._step[rows], -1)

    def _take(self, rows: Rows) -> None:
        table = self._table
        if not len(rows):
            return
        for row, step, body in zip(rows.tolist(), table.last_step[rows].tolist(), self._bodies(rows), strict=True):
            marks = self._of.pop(row, None) or deque()
            marks.append((step, body.copy()))  # what is read is a part of an array of all
            self._of[row] = marks
            self._bytes += body.nbytes
        self._key[rows], self._revision[rows], self._step[rows] = (
            table.key[rows],
            table.revision[rows],
            table.last_step[rows],
        )
        while self._bytes > self._most:
            self.drop(next(iter(self._of)))
