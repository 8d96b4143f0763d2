"""Where each session stands: names in a dict, all else in arrays, so that 100,000 idle sessions cost little."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.beside import PLAIN
from service.journal import Head

UNKNOWN = -1  # the row of a name that is not in the table
NOWHERE = -1  # the slot of a session whose state is not in the arena

Rows = NDArray[np.int64]


class _Names(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return UNKNOWN


class SessionTable:
    """One row a session. The journal knows more sessions than stand here: a row is made when one first speaks."""

    def __init__(self, width: int, features: int = 0) -> None:
        self.key = np.zeros(0, np.int64)  # the journal's; -1: a row that is free
        self.start = np.zeros(0, np.int64)
        self.revision = np.zeros(0, np.int64)
        self.first_step = np.zeros(0, np.int64)  # the oldest reading that is kept
        self.last_step = np.zeros(0, np.int64)  # -1: no reading yet
        self.last_values = np.zeros((0, width), np.float64)
        self.regime = np.zeros(0, np.bool_)  # made to be watched
        self.calibrate = np.zeros(0, np.bool_)  # made to be calibrated
        self.quality = np.zeros(0, np.bool_)  # made to be scored
        self.kind = np.zeros(0, np.int64)  # see beside.py: what of that the model allows
        self.ttl = np.zeros(0, np.int64)  # seconds without a reading after which it expires; 0: never
        self.odd = np.zeros((0, 2), np.bool_)  # what takes a session the long way: `steps` and `unborn`
        self.static = np.zeros((0, features), np.float64)  # NaN where unknown
        self.saved_step = np.zeros(0, np.int64)  # of the newest checkpoint; -1: none
        self.slot = np.zeros(0, np.int64)  # in the arena, or NOWHERE
        self.used = np.zeros(0, np.int64)  # number of the last batch that it was in
        self._names = _Names()
        self._name_of: list[str] = []
        self._free: list[int] = []
        self._grow(64)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def steps(self) -> NDArray[np.bool_]:
        """(rows,) it has something beside its state, and so advances by step."""
        return self.odd[:, 0]

    @property
    def unborn(self) -> NDArray[np.bool_]:
        """(rows,) its start is not in the journal: the first reading sets it."""
        return self.odd[:, 1]

    def rows(self) -> Rows:
        """The rows of all sessions that stand here, in no order."""
        return np.fromiter(self._names.values(), np.int64, len(self._names))

    def find(self, names: list[str]) -> Rows:
        """The row of each name, UNKNOWN where there is none."""
        return np.fromiter(map(self._names.__getitem__, names), np.int64, len(names))

    def row(self, name: str) -> int:
        """The row of one name, or UNKNOWN."""
        return self._names[name]

    def at_hand(self, names: Iterable[str]) -> bool:
        """Whether the state of each is in the arena, or saved as it is, so that no readings are to be replayed.

        Another thread may ask while this one works: what it is told then was true a moment ago.
        """
        for name in names:
            row = self._names[name]
            if row == UNKNOWN or (self.slot[row] == NOWHERE and self.saved_step[row] != self.last_step[row]):
                return False
        return True

    def skipped(self, name: str, step: int | None, time: int | None, size: int) -> int:
        """Steps of `size` seconds between a session's last reading and one at this step or time; asked as `at_hand`."""
        row = self._names[name]
        if row == UNKNOWN or (step is None and (time is None or self.unborn[row])):
            return 0
        if step is None:
            assert time is not None
            step = (time - int(self.start[row])) // size
        return step - int(self.last_step[row]) - 1

    def name(self, row: int) -> str:
        return self._name_of[row]

    def put(self, head: Head, unborn: bool, static: NDArray[np.float64] | None = None, kind: int = PLAIN) -> int:
        """Sets a session as the journal has it, its state nowhere, and returns its row.

        `static` (features,) is what its head says of them, as the model takes it.
        """
        row = self._names[head.name]
        if row == UNKNOWN:
            row = self._vacant(head.name)
        self.key[row] = head.key
        self.start[row] = head.start
        self.revision[row] = head.revision
        self.first_step[row] = head.first_step
        self.last_step[row] = head.last_step
        self.last_values[row] = head.last_values
        self.regime[row], self.calibrate[row], self.quality[row] = head.regime, head.calibrate, head.quality
        self.kind[row] = kind
        self.ttl[row] = head.ttl
        self.steps[row] = kind != PLAIN
        self.static[row] = np.nan if static is None else static
        self.saved_step[row] = -1
        self.slot[row] = NOWHERE
        self.used[row] = 0
        self.unborn[row] = unborn
        return row

    def statics(self, rows: Rows) -> NDArray[np.float64] | None:
        """What is static of these sessions, (rows, features); None where the model has no such features."""
        return self.static[rows] if self.static.shape[1] else None

    def remove(self, row: int) -> None:
        """Forgets a session; the journal still knows it unless it was deleted there."""
        del self._names[self._name_of[row]]
        self.slot[row] = NOWHERE
        self.key[row] = self.saved_step[row] = self.last_step[row] = -1
        self._free.append(row)

    def advance(self, rows: Rows, steps: Rows, values: NDArray[np.float64]) -> None:
        """Moves sessions on to their newest reading; each row at most once."""
        self.last_step[rows] = steps
        self.last_values[rows] = values

    def _vacant(self, name: str) -> int:
        if self._free:
            row = self._free.pop()
            self._name_of[row] = name
        else:
            row = len(self._name_of)
            self._name_of.append(name)
            if row == len(self.key):
                self._grow(2 * row)
        self._names[name] = row
        return row

    def _grow(self, capacity: int) -> None:
        for column, array in vars(self).items():
            if isinstance(array, np.ndarray):
                setattr(self, column, _grown(array, capacity))


def _grown(column: NDArray[Any], capacity: int) -> NDArray[Any]:
    grown = np.zeros((capacity, *column.shape[1:]), column.dtype)
    grown[: len(column)] = column
    return grown
