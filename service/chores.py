"""Housekeeping that has a time of its own: letting go of old readings, expiry, what the journal takes."""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Chore(Protocol):
    """Done in the engine's thread, in pieces that the stream can wait for."""

    def seconds(self) -> float | None:
        """How long until there is something to do: 0 now, None: nothing that time alone would bring."""

    def piece(self) -> None:
        """One piece of what there is to do. Faults of model and journal are raised."""


class Chores:
    """They take turns, a piece each."""

    def __init__(self, *chores: Chore) -> None:
        self._line = deque(chores)

    def seconds(self) -> float | None:
        """As of a chore: until the first of them has something to do."""
        return min((left for each in self._line if (left := each.seconds()) is not None), default=None)

    def piece(self) -> bool:
        """One piece of the next one that has something to do; False if none has."""
        for _ in range(len(self._line)):
            chore = self._line[0]
            self._line.rotate(-1)
            if chore.seconds() == 0:
                chore.piece()
                return True
        return False
