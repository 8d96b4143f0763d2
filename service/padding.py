"""The runtime as the engine runs it: every batch padded to a shape that was warmed up, every fault named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from service.batching import PADDING, padded
from service.errors import ModelFailed
from service.faults import faults_as
from service.runtimes import Arena, Runtime, States

FAILED = "the model could not run this batch; nothing of it was recorded, it may be sent again"


class PaddedRuntime:
    """Rows are padded with the initial row and missing readings, so that few shapes occur. Faults are `ModelFailed`."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.initial = runtime.bundle.initial  # (state,)
        self._streams = runtime.bundle.manifest.streams  # without, there is no graph for a step

    def step(
        self,
        arena: Arena,
        slots: NDArray[np.int64],  # (batch,)
        positions: NDArray[np.int64],  # (batch,) rows of values and times; PADDING is the last one
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        future: NDArray[np.float64] | None = None,  # (batch, horizon, known-future covariates)
        static: NDArray[np.float64] | None = None,  # (batch, static features)
    ) -> tuple[NDArray[np.float64], States]:
        """One reading each: forecasts (batch, horizon, quantiles) and the new states, still padded.

        Not padded if every size is as good as another.
        """
        size = self._size(len(slots))
        at, slots = _fill(positions, size, PADDING), _fill(slots, size, 0)
        with faults_as(ModelFailed, FAILED):
            known = _rows(future, size), _rows(static, size)
            forecasts, states = self.runtime.step(values[at], times[at], arena.gather(slots), *known)
        return forecasts[: len(positions)], states

    def advance(
        self,
        arena: Arena,
        slots: NDArray[np.int64],  # (batch,)
        positions: NDArray[np.int64],  # (batch,)
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        static: NDArray[np.float64] | None = None,
    ) -> States:
        """As `step`, the new states alone, for which nothing of what is known ahead counts."""
        size = self._size(len(slots))
        at, slots = _fill(positions, size, PADDING), _fill(slots, size, 0)
        with faults_as(ModelFailed, FAILED):
            return self.runtime.advance(values[at], times[at], arena.gather(slots), _rows(static, size))

    def rows(
        self,
        arena: Arena,
        slots: NDArray[np.int64],  # (batch,)
        values: NDArray[np.float64],  # (batch, width)
        times: NDArray[np.int64],  # (batch,)
        static: NDArray[np.float64] | None = None,  # (batch, static features)
    ) -> tuple[NDArray[np.float64], States]:
        """As `step`, where reading and row stand at the same place; not padded if every size is as good as another."""
        if not self.runtime.any_size:
            missing = np.full((1, values.shape[1]), np.nan)
            values, times = np.concatenate([values, missing]), np.append(times, 0)
            return self.step(arena, slots, np.arange(len(slots)), values, times, None, static)
        with faults_as(ModelFailed, FAILED):
            return self.runtime.step(values, times, arena.gather(slots), None, static)

    def step_with_gates(
        self,
        arena: Arena,
        slots: NDArray[np.int64],
        positions: NDArray[np.int64],
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], States, NDArray[np.float32]]:
        """As `step`, with the gates (batch, gates) of the same run."""
        size = self._size(len(slots))
        at, slots = _fill(positions, size, PADDING), _fill(slots, size, 0)
        with faults_as(ModelFailed, FAILED):
            known = _rows(future, size), _rows(static, size)
            forecasts, states, gates = self.runtime.step_with_gates(values[at], times[at], arena.gather(slots), *known)
        return forecasts[: len(positions)], states, gates[: len(positions)]

    def sequence(
        self,
        arena: Arena,
        slots: NDArray[np.int64],  # (batch,)
        positions: NDArray[np.int64],  # (batch, width)
        lengths: NDArray[np.int64],  # (batch,)
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        future: NDArray[np.float64] | None = None,  # as in `step`
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], States]:
        """Several readings each, or none: forecasts (batch, horizon, quantiles) and the new states, still padded."""
        size = padded(len(slots))
        at, slots = _fill(positions, size, PADDING), _fill(slots, size, 0)
        with faults_as(ModelFailed, FAILED):
            states, known = arena.gather(slots), (_rows(future, size), _rows(static, size))
            forecasts, states = self.runtime.sequence(values[at], times[at], _fill(lengths, size, 0), states, *known)
        return forecasts[: len(positions)], states

    def windows(
        self,
        values: Sequence[NDArray[np.float64]],  # each (length, width)
        times: Sequence[NDArray[np.int64]],  # each (length,)
        rows: NDArray[np.float32],  # (batch, state)
        futures: Sequence[NDArray[np.float64] | None] = (),  # each (horizon, known-future covariates)
        statics: Sequence[NDArray[np.float64] | None] = (),  # each (static features,)
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Windows of any lengths from given states: forecasts (batch, horizon, quantiles), rows (batch, state)."""
        count, size = len(values), padded(len(values))
        lengths = np.zeros(size, np.int64)
        lengths[:count] = [len(each) for each in values]
        width = padded(int(lengths.max()))
        all_values = np.full((size, width, values[0].shape[1]), np.nan)
        all_times = np.zeros((size, width), np.int64)
        for at, (some, when) in enumerate(zip(values, times, strict=True)):
            all_values[at, : len(some)], all_times[at, : len(some)] = some, when
        with faults_as(ModelFailed, FAILED):
            states = self.runtime.states(np.concatenate([rows, np.tile(self.initial, (size - count, 1))]))
            known = stacked(futures, size), stacked(statics, size)
            forecasts, states = self.runtime.sequence(all_values, all_times, lengths, states, *known)
            return forecasts[:count], self.runtime.rows(states)[:count]

    def probe(self) -> None:
        """Runs the initial row through one reading; `ModelFailed` if that fails or its forecast is not finite."""
        with faults_as(ModelFailed, "the model failed its probe"):
            forecasts = self._blank_step(1) if self._streams else self._blank_sequence(1, 1)
        if not np.isfinite(forecasts).all():
            raise ModelFailed("the model failed its probe: its forecast is not finite")

    def warm_up(self, largest: int, chunk: int, together: int, goes_on: Callable[[], bool]) -> None:
        """Runs every padded size up to `largest`, and every width up to `chunk` alone and `together`.

        Stops when `goes_on()` is false.
        """
        with faults_as(ModelFailed, "the model could not be warmed up"):
            for size in _powers(largest) if self._streams else ():
                if goes_on():
                    self._blank_step(size)
            for width in _powers(chunk):
                for size in (1, padded(together)):
                    if goes_on():
                        self._blank_sequence(size, width)

    def _size(self, rows: int) -> int:
        """Of a step of so many rows."""
        return rows if self.runtime.any_size else padded(rows)

    def _blank_step(self, size: int) -> NDArray[np.float64]:
        values, times = np.full((size, self.runtime.bundle.width), np.nan), np.zeros(size, np.int64)
        return self.runtime.step(values, times, self._initial_states(size))[0]

    def _blank_sequence(self, size: int, width: int) -> NDArray[np.float64]:
        values = np.full((size, width, self.runtime.bundle.width), np.nan)
        times, lengths = np.zeros((size, width), np.int64), np.zeros(size, np.int64)
        return self.runtime.sequence(values, times, lengths, self._initial_states(size))[0]

    def _initial_states(self, size: int) -> States:
        return self.runtime.states(np.tile(self.initial, (size, 1)))


def _fill(array: NDArray[np.int64], size: int, fill: int) -> NDArray[np.int64]:
    """The array with `fill` in further rows, `size` in all."""
    if len(array) == size:
        return array
    filled = np.full((size, *array.shape[1:]), fill, np.int64)
    filled[: len(array)] = array
    return filled


def stacked(rows: Sequence[NDArray[np.float64] | None], size: int) -> NDArray[np.float64] | None:
    """One row for each of `size`, NaN where nothing is known; None where nothing is known of any."""
    known = {at: row for at, row in enumerate(rows) if row is not None}
    if not known:
        return None
    first = next(iter(known.values()))
    all_rows = np.full((size, *first.shape), np.nan)
    for at, row in known.items():
        all_rows[at] = row
    return all_rows


def _rows(array: NDArray[np.float64] | None, size: int) -> NDArray[np.float64] | None:
    """The array with NaN in further rows, `size` in all."""
    if array is None or len(array) == size:
        return array
    return np.concatenate([array, np.full((size - len(array), *array.shape[1:]), np.nan)])


def _powers(largest: int) -> list[int]:
    return [1 << exponent for exponent in range(padded(largest).bit_length())]
