"""The monitors of sessions that are watched, beside their states in the arena and in the same slots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.regime import Watch


class Monitors:
    """One array `[capacity, size]` that is made when the first session wants it. Rows are [model | monitor]."""

    def __init__(self, watch: Watch | None, state: int, capacity: int) -> None:
        self.watch = watch
        self._state = state  # numbers of a model's state
        self._capacity = capacity
        self._rows = np.empty((0, 0), np.float32)

    def read(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        """The monitors (slots, size) of sessions that are watched."""
        return self._rows[slots]

    def write(self, slots: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        if len(self._rows) < self._capacity:
            grown = np.zeros((self._capacity, rows.shape[1]), np.float32)
            grown[: len(self._rows)] = self._rows if len(self._rows) else 0
            self._rows = grown
        self._rows[slots] = rows

    def grow(self, capacity: int) -> None:
        """Makes room for `capacity` rows, when they come."""
        self._capacity = capacity

    def split(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Rows (n, state) or (n, state + size) as states and monitors."""
        if rows.shape[1] == self._state:
            return rows, None
        return rows[:, : self._state], rows[:, self._state :]

    def fits(self, row: NDArray[np.float32], watched: bool) -> bool:
        """Whether a session that is watched, or is not, can go on from this row."""
        if not watched or self.watch is None:
            return row.shape == (self._state,)
        return len(row) > self._state and self.watch.fits(row[self._state :])

    def initial(self, state: NDArray[np.float32], watched: bool, step: int = 0) -> NDArray[np.float32]:
        """The row of a session that begins with the reading of `step`, and whose model begins with `state`."""
        if not watched or self.watch is None:
            return state
        return np.concatenate([state, self.watch.initial(step)])
