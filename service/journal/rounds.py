"""A round of folding: the tail as it stands when it begins, worked off session by session and not by age.

What a fold costs is mostly that of the sessions it touches, so each is touched once with all that waits of it. The
readings of a round stay in the tail until its end, those that are folded already too: should the process end
before, the next one finds in the sessions how far each was folded.
"""

from __future__ import annotations

import numpy as np

from service.journal.protocol import Readings
from service.journal.tail import Tail


class Round:
    """The readings that wait, those of one session side by side in ascending steps."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._positions = tail.base + np.argsort(tail.keys(), kind="stable")
        self._folded = 0
        self.end = tail.end

    @property
    def left(self) -> int:
        """Readings that are not folded yet."""
        return len(self._positions) - self._folded

    def next(self, rows: int) -> Readings:
        """The next readings, at most so many; they count as folded when `folded` says so."""
        return self._tail.at(self._positions[self._folded : self._folded + rows])

    def folded(self, rows: int) -> None:
        """So many more are."""
        self._folded += rows
