"""How much goes into one batch: readings, and the steps that sessions which are watched take one after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

STEP_COST = 32  # readings, or steps of a sequence, that take about as long as one step by itself and watched

Watched = Callable[[list[str]], NDArray[np.bool_] | None]  # of sessions, which advance by step; None: none of them


class Budget:
    """A batch of at most `limit`: one for each reading, `STEP_COST` more for each step after the first.

    Sessions that are watched take their steps together, so a batch is as deep as the one with the most readings in it.
    """

    def __init__(self, limit: int, watched: Watched) -> None:
        self._left = limit
        self._watched = watched
        self._depth = 1  # every batch takes one run
        self._steps: dict[str, int] = {}  # of each session that is watched

    def take(self, sessions: list[str], first: int) -> int:
        """Where the readings from `first` on, one of each of these sessions, have to stop; `first`: none goes in."""
        some = sessions[first : first + self._left]
        watched = self._watched(some)
        if watched is None:
            self._left -= len(some)
            return first + len(some)
        for at, (name, steps) in enumerate(zip(some, watched.tolist(), strict=True), first):
            step = self._steps.get(name, 0) + steps
            cost = 1 + STEP_COST * max(0, step - self._depth)
            if cost > self._left:
                return at
            self._left -= cost
            self._steps[name], self._depth = step, max(self._depth, step)
        return first + len(some)
