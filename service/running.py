"""Turns through the model: gathered, run in groups of one shape, checked; nothing is kept before `keep`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arena_cache import ArenaCache
from service.batching import Turns
from service.beside import CALIBRATED, SCORED, WATCHED
from service.futures import Futures
from service.noted import Noted
from service.padding import PaddedRuntime
from service.runtimes import States
from service.sessions import SessionTable
from service.stepping import Stepper


@dataclass(frozen=True, eq=False)
class Ran:
    """Turns that ran together: their forecasts, and the states that they would have."""

    turns: Turns
    forecasts: NDArray[np.float64]  # (turns, horizon, quantiles)
    states: States
    places: NDArray[np.int64]  # (turns,) each turn's row in `states`
    gates: NDArray[np.float32] | None = None  # (turns, gates) of the last reading, where they were asked for
    beside: NDArray[np.float32] | None = None  # (turns, size) after it, of sessions that step, all of one kind
    noted: Noted | None = None  # of all readings of each turn, where its session is scored

    def only(self, kept: NDArray[np.bool_]) -> Ran:
        """The turns where `kept` is true."""
        if kept.all():
            return self
        gates = None if self.gates is None else self.gates[kept]
        beside = None if self.beside is None else self.beside[kept]
        noted = None if self.noted is None else self.noted.only(kept)
        return Ran(self.turns.keep(kept), self.forecasts[kept], self.states, self.places[kept], gates, beside, noted)

    @property
    def finite(self) -> NDArray[np.bool_]:
        """(turns,) whether each forecast is finite."""
        numbers = np.isfinite(self.forecasts)
        if numbers.all():
            return np.ones(len(self.turns), np.bool_)
        return np.asarray(numbers.all(axis=(1, 2)))


class Runner:
    """Runs turns from the states in the arena, which stay as they are until `keep`."""

    def __init__(self, runtime: PaddedRuntime, stepper: Stepper, cache: ArenaCache, table: SessionTable) -> None:
        self._runtime = runtime
        self._cache = cache
        self._table = table
        self._stepper = stepper

    def run(
        self,
        turns: Turns,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        futures: Futures | None,
        gated: NDArray[np.bool_] | None = None,
        said: bool = True,
    ) -> list[Ran]:
        """All turns, one run for each group of one shape; `values` and `times` as in a batch, padding last.

        Each turn is forecast with the future that its newest observation carries. Those whose newest observation is
        `gated` (readings,) come with the gates of their last reading; sessions that are not plain advance by step.
        Without `said` nobody asks for forecasts, and those of single steps are left out: they are NaN.
        """
        moved = turns.lengths > 0
        steps = self._table.steps[turns.rows] & moved
        asked = np.zeros(len(turns), np.bool_) if gated is None else gated[turns.newest] & moved
        apart = steps | asked
        plain = turns if not apart.any() else turns.keep(~apart)
        ran = [
            self._run(plain.keep(group), width, values, times, futures)
            if said or width
            else self._advance(plain.keep(group), values, times)
            for group, width in plain.groups()
        ]
        if len(plain) < len(turns):
            kinds = self._table.kind[turns.rows]
            for kind in np.unique(kinds[steps]).tolist():
                part = steps & (kinds == kind)
                ran.append(self._go(turns.keep(part), kind, bool(asked[part].any()), values, times, futures))
            if (shown := asked & ~steps).any():
                ran.append(self._show(turns.keep(shown), values, times, futures))
        return ran

    def regimes(self, turns: Turns) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        """Of those turns whose sessions are watched, the newest observation and flag, score, since (turns, 3)."""
        kinds = self._table.kind[turns.rows]
        if not (kinds & WATCHED).any():
            return None
        newest, told, monitors = [], [], self._cache.monitors
        for kind in np.unique(kinds[kinds & WATCHED > 0]).tolist():
            some = kinds == kind
            said = monitors.beside.regimes(monitors.read(self._table.slot[turns.rows[some]], kind))
            newest.append(turns.newest[some])
            told.append(np.stack([said.flag, said.score, said.since], axis=1))
        return np.concatenate(newest), np.concatenate(told)

    def qualities(self, turns: Turns) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        """Of those turns whose sessions are scored, the newest observation and what is told of each (turns, told)."""
        kinds = self._table.kind[turns.rows]
        if not (kinds & SCORED).any():
            return None
        newest, told, monitors = [], [], self._cache.monitors
        for kind in np.unique(kinds[kinds & SCORED > 0]).tolist():
            some = kinds == kind
            told.append(monitors.beside.qualities(monitors.read(self._table.slot[turns.rows[some]], kind)))
            newest.append(turns.newest[some])
        return np.concatenate(newest), np.concatenate(told)

    def keep(self, ran: Ran) -> None:
        """Puts the states after these turns into the arena."""
        moved = ran.turns.lengths > 0
        slots = self._table.slot[ran.turns.rows]
        if moved.all() and len(ran.places) and ran.places[-1] == len(ran.places) - 1:
            self._cache.arena.scatter(slots, ran.states)
        elif moved.any():
            self._cache.arena.scatter(slots[moved], ran.states, ran.places[moved])
        if ran.beside is not None:
            self._cache.monitors.write(slots, ran.beside)

    def _run(
        self,
        turns: Turns,
        width: int,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        futures: Futures | None,
    ) -> Ran:
        slots, arena, known = self._table.slot[turns.rows], self._cache.arena, self._known(turns, futures)
        if width == 0:
            forecasts, states = self._runtime.step(arena, slots, turns.readings, values, times, *known)
        else:
            positions = turns.positions(width)
            forecasts, states = self._runtime.sequence(arena, slots, positions, turns.lengths, values, times, *known)
        return Ran(turns, self._answered(turns, forecasts), states, np.arange(len(turns)))

    def _answered(self, turns: Turns, forecasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """As sessions that are calibrated are answered, where they stand: of these none moves on here."""
        kinds, monitors = self._table.kind[turns.rows], self._cache.monitors
        if not (kinds & CALIBRATED).any():
            return forecasts
        forecasts = forecasts.copy()
        for kind in np.unique(kinds[kinds & CALIBRATED > 0]).tolist():
            some = kinds == kind
            rows = monitors.read(self._table.slot[turns.rows[some]], kind)
            forecasts[some] = monitors.beside.answered(rows, forecasts[some])
        return forecasts

    def _advance(self, turns: Turns, values: NDArray[np.float64], times: NDArray[np.int64]) -> Ran:
        """One reading each, and no forecast."""
        slots, statics = self._table.slot[turns.rows], self._table.statics(turns.rows)
        states = self._runtime.advance(self._cache.arena, slots, turns.readings, values, times, statics)
        manifest = self._runtime.runtime.bundle.manifest
        nothing = np.broadcast_to(np.nan, (len(turns), manifest.horizon, len(manifest.quantiles)))
        return Ran(turns, nothing, states, np.arange(len(turns)))

    def _show(
        self, turns: Turns, values: NDArray[np.float64], times: NDArray[np.int64], futures: Futures | None
    ) -> Ran:
        """All but the last reading of each turn in one run for each shape, the last one as a step."""
        slots, arena = self._table.slot[turns.rows], self._cache.arena
        if (turns.lengths > 1).any():
            states, arena = arena.gather(slots), self._runtime.runtime.arena(len(slots) + 1)
            slots = np.arange(1, len(slots) + 1)
            arena.scatter(slots, states)
            before = turns.without_last()
            for group, width in before.groups():
                ran = self._run(before.keep(group), width, values, times, futures)
                arena.scatter(slots[group], ran.states, ran.places)
        known, one = self._known(turns, futures), np.ones(len(turns), np.int64)
        stepped = self._stepper.run(arena, slots, turns.last[:, None], one, values, times, *known, shown=True)
        return Ran(turns, stepped.forecasts, stepped.states, np.arange(len(turns)), stepped.gates)

    def _go(
        self,
        turns: Turns,
        kind: int,
        shown: bool,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        futures: Futures | None,
    ) -> Ran:
        """All readings of each turn, one after the other, of sessions of one kind; gates too where they are asked."""
        slots, cache, known = self._table.slot[turns.rows], self._cache, self._known(turns, futures)
        positions, before = turns.positions(int(turns.lengths.max())), cache.monitors.read(slots, kind)
        of = positions, turns.lengths, values, times
        stepped = self._stepper.run(cache.arena, slots, *of, *known, before, shown)
        places = np.arange(len(turns))
        told = stepped.gates, stepped.beside, stepped.noted
        return Ran(turns, stepped.forecasts, stepped.states, places, *told)

    def _known(
        self, turns: Turns, futures: Futures | None
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """The future that each turn's newest observation carries, and what is static of its session."""
        return None if futures is None else futures.at(turns.newest), self._table.statics(turns.rows)
