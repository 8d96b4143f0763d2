"""What sessions have beside their states in the arena: calibrations, monitors, or both, found by the same slots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.beside import PLAIN, Beside

FIRST_PLACES = 16
BYTES = 4  # of a number

Slots = NDArray[np.int64]
Rows = NDArray[np.float32]


class Monitors:
    """An array of places for each kind of session, as large as there are some; a slot says which place is its own.

    So a slot takes room here only as long as its session has something, however many slots the arena has. A session's
    whole row is [model | calibration | monitor].
    """

    def __init__(self, beside: Beside, state: int, capacity: int) -> None:
        self.beside = beside
        self.never = len(beside.sizes) == 1  # no session has anything beside its state
        self._state = state  # numbers of a model's state
        self._kind = np.full(capacity, PLAIN)  # by slot
        self._place = np.zeros(capacity, np.int64)
        self._rows = {kind: np.empty((0, size), np.float32) for kind, size in beside.sizes.items()}
        self._free: dict[int, list[int]] = {kind: [] for kind in beside.sizes}

    @property
    def bytes(self) -> int:
        """Of what sessions have here now."""
        used = {kind: len(rows) - len(self._free[kind]) for kind, rows in self._rows.items()}
        return sum(count * self.bytes_of(kind) for kind, count in used.items())

    def bytes_of(self, kind: int) -> int:
        """That one session of this kind has."""
        return BYTES * self.beside.sizes[kind]

    def read(self, slots: Slots, kind: int) -> Rows:
        """What sessions of this kind have, (slots, size)."""
        return self._rows[kind][self._place[slots]]

    def write(self, slots: Slots, rows: Rows) -> None:
        """Sets what sessions of one kind have; a slot that had something has it of this kind, or was released."""
        kind = self.beside.kinds[rows.shape[1]]
        new = slots[self._kind[slots] == PLAIN]
        if len(new):
            self._place[new] = self._take(kind, len(new))
            self._kind[new] = kind
        self._rows[kind][self._place[slots]] = rows

    def release(self, slots: Slots) -> None:
        """The sessions in these slots have nothing any more."""
        if self.never:
            return
        kinds = self._kind[slots]
        for kind in np.unique(kinds[kinds != PLAIN]).tolist():
            self._free[kind] += self._place[slots[kinds == kind]].tolist()
        self._kind[slots] = PLAIN

    def grow(self, capacity: int) -> None:
        """There are so many slots now."""
        more = capacity - len(self._kind)
        self._kind = np.append(self._kind, np.full(more, PLAIN))
        self._place = np.append(self._place, np.zeros(more, np.int64))

    def split(self, rows: Rows) -> tuple[Rows, Rows | None]:
        """Whole rows (n, …) of one kind as states and what is beside them."""
        if rows.shape[1] == self._state:
            return rows, None
        return rows[:, : self._state], rows[:, self._state :]

    def kind_of(self, size: int) -> int:
        """The kind of session whose whole row has so many numbers."""
        return self.beside.kinds[size - self._state]

    def fits(self, row: Rows, kind: int) -> bool:
        """Whether a session of this kind can go on from this whole row."""
        return len(row) >= self._state and self.beside.fits(row[self._state :], kind)

    def initial(self, state: Rows, kind: int, step: int = 0) -> Rows:
        """The whole row of a session that begins with the reading of `step`, and whose model begins with `state`."""
        return state if kind == PLAIN else np.concatenate([state, self.beside.initial(kind, step)])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers that a whole row may have."""
        return tuple(self._state + size for size in self.beside.sizes.values())

    def _take(self, kind: int, count: int) -> Slots:
        """Places that nobody has, of those that there are or of new ones."""
        free, rows = self._free[kind], self._rows[kind]
        if len(free) < count:
            places = max(2 * len(rows), len(rows) + count - len(free), FIRST_PLACES)
            grown = np.empty((places, rows.shape[1]), np.float32)
            grown[: len(rows)] = rows
            free[:0] = reversed(range(len(rows), places))  # those that were never taken go last
            self._rows[kind] = grown
        first = len(free) - count
        taken = np.array(free[first:], np.int64)
        del free[first:]
        return taken
