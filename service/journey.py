"""One session on its way to where another model's stands: a state, and readings to take it further."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FETCHED = 1024  # readings of a session that are asked of the journal at a time, so that no past is too long to fetch
MOST_AHEAD = 2 * FETCHED  # readings that it carries; what comes live beyond them is fetched when it gets there


@dataclass(eq=False)
class Journey:
    """Moved on by whoever runs it: `state` stands after `step`, and `ahead` follows."""

    row: int  # of the leader's table
    session: tuple[int, int]  # key and revision
    theirs: int  # row of the follower's table
    step: int
    state: NDArray[np.float32]  # (state,), or (state + monitor,) of a session that is watched
    saved_step: int
    ahead: NDArray[np.float64]  # (readings, width) from step + 1 on

    @property
    def end(self) -> int:
        """The step of the last reading that is at hand."""
        return self.step + len(self.ahead)

    def came(self, before: int, values: NDArray[np.float64]) -> None:
        """Takes live readings, those after step `before`, along if they are the next ones."""
        if before == self.end and len(self.ahead) < MOST_AHEAD:
            self.ahead = np.concatenate([self.ahead, values])

    def moved(self, readings: int, state: NDArray[np.float32]) -> None:
        """So many of the readings ahead were taken."""
        self.step, self.state, self.ahead = self.step + readings, state, self.ahead[readings:]
