"""Rows moved on step by step with what each step gives, where others take a sequence in one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.beside import Beside
from service.noted import Noted
from service.padding import PaddedRuntime, stacked
from service.runtimes import Arena, States


@dataclass(frozen=True, eq=False)
class Stepped:
    """What the last step of each row gave."""

    forecasts: NDArray[np.float64]  # (rows, horizon, quantiles)
    gates: NDArray[np.float32] | None  # (rows, gates), where they were taken
    states: States  # (rows or more, state)
    beside: NDArray[np.float32] | None = None  # (rows, size) what is beside the states of those that came with it
    noted: Noted | None = None  # of all steps of each row that is scored


@dataclass(frozen=True)
class Stepper:
    """One run a step: so forecast and gates of every reading are seen. Rows that are done leave the run."""

    runtime: PaddedRuntime
    beside: Beside

    def run(
        self,
        arena: Arena,
        slots: NDArray[np.int64],  # (rows,)
        positions: NDArray[np.int64],  # (rows, width) of values and times
        lengths: NDArray[np.int64],  # (rows,) from 1 on
        values: NDArray[np.float64],  # as in a batch: the last one is padding's
        times: NDArray[np.int64],
        future: NDArray[np.float64] | None = None,  # (rows, horizon, known-future covariates)
        static: NDArray[np.float64] | None = None,  # (rows, static features)
        beside: NDArray[np.float32] | None = None,  # (rows, size) before the first step, all of one kind
        shown: bool = False,  # whether gates are wanted, also where they are not needed
    ) -> Stepped:
        """The states in the arena stay as they are."""
        shown = shown or (beside is not None and self.beside.shows(beside))
        most = int(lengths.max())
        if most == 1:
            return self._step(shown, arena, slots, positions[:, 0], values, times, future, static, beside)
        own, scratch = np.arange(1, len(slots) + 1), self.runtime.runtime.arena(len(slots) + 1)
        scratch.scatter(own, arena.gather(slots))
        beside = None if beside is None else beside.copy()
        for step in range(most):
            live = np.flatnonzero(lengths > step)
            at = positions[live, step]
            known = _of(future, live), _of(static, live)
            before = None if beside is None else beside[live]
            some = self._step(shown, scratch, own[live], at, values, times, *known, before)
            scratch.scatter(own[live], some.states)
            if step == 0:
                forecasts, gates = some.forecasts.copy(), None if some.gates is None else some.gates.copy()
                noted = some.noted
            elif noted is not None and some.noted is not None:
                noted.then(live, some.noted)
            forecasts[live] = some.forecasts
            if gates is not None:
                gates[live] = some.gates
            if beside is not None:
                beside[live] = some.beside
        return Stepped(forecasts, gates, scratch.gather(own), beside, noted)

    def windows(
        self,
        values: Sequence[NDArray[np.float64]],  # each (length, width), from 1 on
        times: Sequence[NDArray[np.int64]],  # each (length,)
        rows: NDArray[np.float32],  # (batch, state + size)
        futures: Sequence[NDArray[np.float64] | None] = (),
        statics: Sequence[NDArray[np.float64] | None] = (),
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """As `PaddedRuntime.windows`, of whole rows of one kind: forecasts, rows (batch, state + size)."""
        count, state = len(values), len(self.runtime.initial)
        lengths = np.array([len(each) for each in values])
        before, along = np.cumsum(lengths) - lengths, np.arange(lengths.max())
        positions = np.where(along < lengths[:, None], before[:, None] + along, -1)  # (batch, width)
        readings = np.concatenate([*values, np.full((1, values[0].shape[1]), np.nan)])
        arena, own = self.runtime.runtime.arena(count + 1), np.arange(1, count + 1)
        arena.write(own, rows[:, :state])
        known = stacked(futures, count), stacked(statics, count)
        stepped = self.run(
            arena, own, positions, lengths, readings, np.append(np.concatenate(times), 0), *known, rows[:, state:]
        )
        states = self.runtime.runtime.rows(stepped.states)[:count]
        assert stepped.beside is not None
        return stepped.forecasts, np.concatenate([states, stepped.beside], axis=1)

    def move(
        self,
        arena: Arena,
        slots: NDArray[np.int64],  # (rows,)
        positions: NDArray[np.int64],  # (rows, width) of values and times
        lengths: NDArray[np.int64],  # (rows,) from 1 on
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        static: NDArray[np.float64] | None,  # (rows, static features)
        wanted: NDArray[np.bool_],  # (rows,) who is forecast after its last step
    ) -> NDArray[np.float64]:
        """The states in the arena move on, with no forecast on the way; those at the end that are wanted."""
        manifest = self.runtime.runtime.bundle.manifest
        forecasts = np.empty((len(slots), manifest.horizon, len(manifest.quantiles)))
        for step in range(int(lengths.max())):
            live = np.flatnonzero(lengths > step)
            part = arena, slots[live], positions[live, step], values, times
            ends = wanted[live] & (lengths[live] == step + 1)
            if ends.any():
                some, moved = self.runtime.step(*part, None, _of(static, live))
                forecasts[live[ends]] = some[ends]
            else:
                moved = self.runtime.advance(*part, _of(static, live))
            arena.scatter(slots[live], moved)
        return forecasts

    def _step(
        self,
        shown: bool,
        arena: Arena,
        slots: NDArray[np.int64],
        at: NDArray[np.int64],  # (rows,) the position of each one's reading
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        future: NDArray[np.float64] | None,
        static: NDArray[np.float64] | None,
        beside: NDArray[np.float32] | None,
    ) -> Stepped:
        gates, noted, inputs = None, None, (arena, slots, at, values, times, future, static)
        if shown:
            forecasts, states, gates = self.runtime.step_with_gates(*inputs)
        else:
            forecasts, states = self.runtime.step(*inputs)
        if beside is not None:
            beside, forecasts, noted = self.beside.advance(beside, forecasts, gates, values[at, 0])
        return Stepped(forecasts, gates, states, beside, noted)


def _of(known: NDArray[np.float64] | None, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    return None if known is None else known[rows]
