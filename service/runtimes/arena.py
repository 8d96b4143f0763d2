"""The arena of runtimes that compute on the CPU: one numpy array of state rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class NumpyArena:
    """Rows of state in one array `[capacity, state]`; slot 0 is for padding and keeps the initial row."""

    def __init__(self, initial: NDArray[np.float32], capacity: int) -> None:
        self._rows = np.empty((capacity, len(initial)), np.float32)  # rows not written to take no memory
        self._rows[0] = initial

    @property
    def capacity(self) -> int:
        return len(self._rows)

    def gather(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows[slots]

    def scatter(
        self, slots: NDArray[np.int64], states: NDArray[np.float32], rows: NDArray[np.int64] | None = None
    ) -> None:
        self._rows[slots] = states[: len(slots)] if rows is None else states[rows]

    def read(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows[slots]

    def write(self, slots: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        self._rows[slots] = rows

    def grow(self, capacity: int) -> None:
        grown = np.empty((capacity, self._rows.shape[1]), np.float32)
        grown[: self.capacity] = self._rows
        self._rows = grown
