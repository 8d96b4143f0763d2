"""What sessions have beside their states in the arena, in the same slots: calibrations, monitors, or both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.beside import PLAIN, Beside


class Monitors:
    """An array `[capacity, size]` for each kind of session, made when the first one of its kind is there.

    A session's whole row is [model | calibration | monitor].
    """

    def __init__(self, beside: Beside, state: int, capacity: int) -> None:
        self.beside = beside
        self.never = len(beside.sizes) == 1  # no session has anything beside its state
        self._state = state  # numbers of a model's state
        self._capacity = capacity
        self._rows: dict[int, NDArray[np.float32]] = {}

    def read(self, slots: NDArray[np.int64], kind: int) -> NDArray[np.float32]:
        """What sessions of this kind have there, (slots, size)."""
        return self._rows[kind][slots]

    def write(self, slots: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        kind = self.beside.kinds[rows.shape[1]]
        there = self._rows.get(kind)
        if there is None or len(there) < self._capacity:
            grown = np.zeros((self._capacity, rows.shape[1]), np.float32)
            if there is not None:
                grown[: len(there)] = there
            self._rows[kind] = there = grown
        there[slots] = rows

    def grow(self, capacity: int) -> None:
        """Makes room for `capacity` rows, when they come."""
        self._capacity = capacity

    def split(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Whole rows (n, …) of one kind as states and what is beside them."""
        if rows.shape[1] == self._state:
            return rows, None
        return rows[:, : self._state], rows[:, self._state :]

    def kind_of(self, row: NDArray[np.float32]) -> int:
        """The kind of session whose whole row this is."""
        return self.beside.kinds[len(row) - self._state]

    def fits(self, row: NDArray[np.float32], kind: int) -> bool:
        """Whether a session of this kind can go on from this whole row."""
        return self.beside.fits(row[self._state :], kind) if len(row) >= self._state else False

    def initial(self, state: NDArray[np.float32], kind: int, step: int = 0) -> NDArray[np.float32]:
        """The whole row of a session that begins with the reading of `step`, and whose model begins with `state`."""
        return state if kind == PLAIN else np.concatenate([state, self.beside.initial(kind, step)])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers that a whole row may have."""
        return tuple(self._state + size for size in self.beside.sizes.values())
