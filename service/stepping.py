"""Rows moved on step by step with the gates of each step, where others take a sequence in one run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.padding import PaddedRuntime
from service.runtimes import Arena, States


@dataclass(frozen=True, eq=False)
class Stepped:
    """What the last step of each row gave."""

    forecasts: NDArray[np.float64]  # (rows, horizon, quantiles)
    gates: NDArray[np.float32]  # (rows, gates)
    states: States  # (rows or more, state)


@dataclass(frozen=True)
class Stepper:
    """One run a step: so the gates of every reading are seen. Rows that are done leave the run."""

    runtime: PaddedRuntime

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
    ) -> Stepped:
        """The states in the arena stay as they are."""
        most = int(lengths.max())
        if most == 1:
            forecasts, states, gates = self.runtime.step_with_gates(
                arena, slots, positions[:, 0], values, times, future, static
            )
            return Stepped(forecasts, gates, states)
        own, scratch = np.arange(1, len(slots) + 1), self.runtime.runtime.arena(len(slots) + 1)
        scratch.scatter(own, arena.gather(slots))
        for step in range(most):
            live = np.flatnonzero(lengths > step)
            some, moved, shown = self.runtime.step_with_gates(
                scratch, own[live], positions[live, step], values, times, _of(future, live), _of(static, live)
            )
            scratch.scatter(own[live], moved)
            if step == 0:
                forecasts, gates = some.copy(), shown.copy()
            forecasts[live], gates[live] = some, shown
        return Stepped(forecasts, gates, scratch.gather(own))


def _of(known: NDArray[np.float64] | None, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    return None if known is None else known[rows]
