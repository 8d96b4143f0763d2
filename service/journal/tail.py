"""The tail: readings that are recorded in batches and not yet folded, kept in a ring and chained by session."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.journal.protocol import Readings

SMALLEST = 1024  # rows of the first ring


class Tail:
    """Rows at positions `base` to `end`, counted since the journal was made; a row's place in memory is its position
    modulo the ring's size. Each row knows the position of its session's row before, so that a session's readings are
    found without looking at those of others.
    """

    def __init__(self, width: int, position: int = 0) -> None:
        self.base = position
        self.end = position
        self._width = width
        self._empty()

    def __len__(self) -> int:
        return self.end - self.base

    @staticmethod
    def bytes_per_row(width: int) -> int:
        return 4 * 8 + 8 * width

    def push(self, readings: Readings, slots: NDArray[np.int64], newest: NDArray[np.int64]) -> None:
        """Adds rows behind the others. `newest[slot]` is the position of a session's newest row, and is moved on."""
        rows = len(slots)
        self._make_room(rows)
        positions = np.arange(self.end, self.end + rows)
        previous = newest[slots]
        newest[slots] = positions  # of several rows of a session the last one stands
        if (newest[slots] != positions).any():  # several rows of one session: chain them to each other
            order = np.argsort(slots, kind="stable")
            again = np.flatnonzero(slots[order[1:]] == slots[order[:-1]]) + 1
            previous[order[again]] = positions[order[again - 1]]
        places = positions % len(self._keys)
        self._keys[places] = readings.keys
        self._revisions[places] = readings.revisions
        self._steps[places] = readings.steps
        self._previous[places] = previous
        self._values[places] = readings.values
        self.end += rows

    def chain(self, newest: int, most: int) -> NDArray[np.float64]:
        """The values of a session's last rows here, at most `most` of them, in order: (n, width)."""
        found: list[int] = []
        previous, size, base = self._previous.data, len(self._keys), self.base
        position = newest
        while position >= base and len(found) < most:
            place = position % size
            found.append(place)
            position = previous[place]
        return self._values[found[::-1]]

    def keys(self) -> NDArray[np.int64]:
        """The session of each row, in order."""
        return self._keys[np.arange(self.base, self.end) % len(self._keys)]

    def at(self, positions: NDArray[np.int64]) -> Readings:
        """Copies of the rows at these positions."""
        places = positions % len(self._keys)
        return Readings(self._keys[places], self._revisions[places], self._steps[places], self._values[places])

    def disown(self, newest: int) -> None:
        """Makes the rows of a session, of which `newest` is the last one here, nobody's."""
        position = newest
        while position >= self.base:
            place = position % len(self._keys)
            self._keys[place] = 0
            position = int(self._previous[place])

    def drop(self, rows: int) -> None:
        """Forgets the first `rows` rows."""
        self.base += rows
        if self.base == self.end and len(self._keys) > SMALLEST:
            self._empty()  # what a busy hour took is given back

    def _empty(self) -> None:
        self._keys = np.empty(SMALLEST, np.int64)
        self._revisions = np.empty(SMALLEST, np.int64)
        self._steps = np.empty(SMALLEST, np.int64)
        self._previous = np.empty(SMALLEST, np.int64)
        self._values = np.empty((SMALLEST, self._width), np.float64)

    def _make_room(self, rows: int) -> None:
        times = 1
        while len(self) + rows > times * len(self._keys):
            times *= 2
        if times == 1:
            return
        # Repeated, the ring has every row at its position modulo the new size too.
        self._keys = np.tile(self._keys, times)
        self._revisions = np.tile(self._revisions, times)
        self._steps = np.tile(self._steps, times)
        self._previous = np.tile(self._previous, times)
        self._values = np.tile(self._values, (times, 1))
