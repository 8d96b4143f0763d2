"""Turns through the model: gathered, run in groups of one shape, checked; nothing is kept before `keep`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arena_cache import ArenaCache
from service.batching import Turns
from service.futures import Futures
from service.padding import PaddedRuntime
from service.runtimes import States
from service.sessions import SessionTable


@dataclass(frozen=True, eq=False)
class Ran:
    """Turns that ran together: their forecasts, and the states that they would have."""

    turns: Turns
    forecasts: NDArray[np.float64]  # (turns, horizon, quantiles)
    states: States
    places: NDArray[np.int64]  # (turns,) each turn's row in `states`

    def only(self, kept: NDArray[np.bool_]) -> Ran:
        """The turns where `kept` is true."""
        if kept.all():
            return self
        return Ran(self.turns.keep(kept), self.forecasts[kept], self.states, self.places[kept])

    @property
    def finite(self) -> NDArray[np.bool_]:
        """(turns,) whether each forecast is finite."""
        numbers = np.isfinite(self.forecasts)
        if numbers.all():
            return np.ones(len(self.turns), np.bool_)
        return np.asarray(numbers.all(axis=(1, 2)))


class Runner:
    """Runs turns from the states in the arena, which stay as they are until `keep`."""

    def __init__(self, runtime: PaddedRuntime, cache: ArenaCache, table: SessionTable) -> None:
        self._runtime = runtime
        self._cache = cache
        self._table = table

    def run(
        self, turns: Turns, values: NDArray[np.float64], times: NDArray[np.int64], futures: Futures | None
    ) -> list[Ran]:
        """All turns, one run for each group of one shape; `values` and `times` as in a batch, padding last.

        Each turn is forecast with the future that its newest observation carries.
        """
        return [self._run(turns.keep(group), width, values, times, futures) for group, width in turns.groups()]

    def keep(self, ran: Ran) -> None:
        """Puts the states after these turns into the arena."""
        moved = ran.turns.lengths > 0
        slots = self._table.slot[ran.turns.rows]
        if moved.all() and len(ran.places) and ran.places[-1] == len(ran.places) - 1:
            self._cache.arena.scatter(slots, ran.states)
        elif moved.any():
            self._cache.arena.scatter(slots[moved], ran.states, ran.places[moved])

    def _run(
        self,
        turns: Turns,
        width: int,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        futures: Futures | None,
    ) -> Ran:
        slots, arena = self._table.slot[turns.rows], self._cache.arena
        known = None if futures is None else futures.at(turns.newest), self._table.statics(turns.rows)
        if width == 0:
            forecasts, states = self._runtime.step(arena, slots, turns.readings, values, times, *known)
        else:
            positions = turns.positions(width)
            forecasts, states = self._runtime.sequence(arena, slots, positions, turns.lengths, values, times, *known)
        return Ran(turns, forecasts, states, np.arange(len(turns)))
