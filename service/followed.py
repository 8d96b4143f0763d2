"""What a model that serves leaves of each batch for one that follows it: the turns that it has recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.batching import Turns
from service.futures import Futures
from service.sessions import SessionTable


@dataclass(frozen=True, eq=False)
class Moved:
    """Turns of the leader that are in the journal; each session is in one of them and took at least one reading."""

    turns: Turns  # rows of the leader's table
    keys: NDArray[np.int64]  # (turns,) who they were then
    revisions: NDArray[np.int64]  # (turns,)
    before: NDArray[np.int64]  # (turns,) the last step before the turn
    values: NDArray[np.float64]  # (readings + 1, width) as in a batch: the last one is padding's
    times: NDArray[np.int64]  # (readings + 1,)
    futures: Futures | None
    forecasts: NDArray[np.float64]  # (turns, quantiles) of the first step ahead, as the leader answered

    def keep(self, kept: NDArray[np.bool_]) -> Moved:
        """The turns where `kept` is true."""
        if kept.all():
            return self
        who = self.keys[kept], self.revisions[kept], self.before[kept]
        return Moved(self.turns.keep(kept), *who, self.values, self.times, self.futures, self.forecasts[kept])

    def parted(self, readings: int) -> tuple[Moved, Moved]:
        """Its first turns, with so many readings at most but one turn at least, and the others."""
        ends = np.cumsum(self.turns.lengths)
        now = ends <= max(readings, int(ends[0]))
        return self.keep(now), self.keep(~now)

    @classmethod
    def of(
        cls,
        table: SessionTable,  # which the turns have moved on already
        turns: Turns,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        futures: Futures | None,
        forecasts: NDArray[np.float64],  # (turns, horizon, quantiles)
    ) -> Moved:
        rows = turns.rows
        before = table.last_step[rows] - turns.lengths
        return cls(turns, table.key[rows], table.revision[rows], before, values, times, futures, forecasts[:, 0].copy())

    @classmethod
    def singly(
        cls,
        table: SessionTable,
        rows: NDArray[np.int64],  # (readings,) all different
        values: NDArray[np.float64],  # (readings, width)
        times: NDArray[np.int64],
        forecasts: NDArray[np.float64],
    ) -> Moved:
        """One reading each."""
        each, missing = np.arange(len(rows)), np.full((1, values.shape[1]), np.nan)
        turns = Turns(rows, np.ones(len(rows), np.int64), each, each, each)
        return cls.of(table, turns, np.concatenate([values, missing]), np.append(times, 0), None, forecasts)


class Followed:
    """Where a core leaves it; `by` is None as long as nobody follows."""

    by: Callable[[Moved], None] | None = None
