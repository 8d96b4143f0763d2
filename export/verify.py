"""Holds every runtime against the golden answers of a bundle: forecast and state, at many sizes, over a long chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.bundle import Bundle
from service.runtimes import Runtime
from service.support import held

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (scale + |b|)
CHUNK = 37  # steps: no divisor of any window, so that chunks end everywhere

Array = NDArray[Any]


@dataclass(frozen=True)
class Check:
    """One comparison; `worst` its largest deviation in tolerances (it fails above 1), `where` its place."""

    runtime: str
    name: str
    worst: float
    where: str

    @property
    def passed(self) -> bool:
        return self.worst <= 1.0


class Verification:
    """The golden answers of one bundle, and the checks that hold a runtime against them."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.golden = bundle.golden()
        self.known = {name: self.golden[name] for name in ("future", "static") if name in self.golden}
        self.part = "unrounded" if "whole.unrounded" in self.golden else "quantiles"
        self.series_scale = _deviation(self.golden["values"][:, :, 0], axis=1)  # (rows,)
        read_nothing = self.golden["whole.lengths"] == 0  # what has read nothing is not at its series' scale yet
        unread = _deviation(self.golden[f"whole.{self.part}"], axis=(1, 2))
        self.whole_scale = np.where(read_nothing, unread, self.series_scale)  # (rows,)
        streams = "chain.states" in self.golden
        self.window = self.golden["values"].shape[1] - int(self.golden["chain.recorded"][-1]) - 1 if streams else 0
        states = self.golden["chain.states"] if streams else self.golden["whole.states"][None]  # (…, rows, state)
        self.state_scale = np.zeros(states.shape[1:])  # (rows, state)
        for part in bundle.manifest.state.slices:
            spread = _deviation(states[:, :, part.start : part.stop], axis=(0, 2))  # (rows,)
            self.state_scale[:, part.start : part.stop] = spread[:, None]

    def run(self, runtime: Runtime) -> Iterator[Check]:
        """All checks of one runtime, one after the other; a runtime that raises fails the check by its message."""
        checks: dict[str, Callable[[Runtime], Iterator[tuple[float, str]]]] = {
            "what the manifest says": self.described,
            "histories together": self.together,
            "histories alone": self.alone,
            "a larger batch, more padding": self.padded,
        }
        if self.bundle.manifest.streams:
            checks |= {
                f"in chunks of {CHUNK}": self.chunked,
                f"a chain of {int(self.golden['chain.recorded'][-1]) + 1} steps": self.chain,
                "the chain as one sequence": self.chain_whole,
                "forecast again from a state": self.peek,
                "gates": self.gates,
            }
        for name, check in checks.items():
            try:
                worst, where = max(check(runtime), key=lambda found: found[0])
            except RuntimeError as failure:  # what every runtime raises when a graph cannot run
                worst, where = float("inf"), f"it does not run: {str(failure).strip().splitlines()[-1][:200]}"
            yield Check(runtime.name, name, worst, where)

    def described(self, _runtime: Runtime) -> Iterator[tuple[float, str]]:
        """No digest covers the manifest itself: what the golden answers can tell of it must agree with them."""
        manifest, times = self.bundle.manifest, self.golden["times"]
        said = (
            manifest.horizon,
            len(manifest.quantiles),
            self.bundle.width,
            len(manifest.future),
            len(manifest.static),
        )
        shown = (*self.golden["whole.quantiles"].shape[1:], self.golden["values"].shape[2], *self._widths())
        names = ("horizon", "quantiles", "values of a reading", "known ahead", "static features")
        for name, one, other in zip(names, said, shown, strict=True):
            yield 0.0 if one == other else float("inf"), f"{name}: {one} in the manifest, {other} in the answers"
        steps = np.arange(times.shape[1], dtype=np.int64)
        try:
            frequency = Frequency.parse(manifest.frequency)
        except ValueError as unknown:
            yield float("inf"), f"frequency: {unknown}"
            return
        rows = [frequency.times(int(row[0]), steps) for row in times]
        yield 0.0 if np.array_equal(rows, times) else float("inf"), f"frequency: the answers are not {frequency.alias}"
        quantiles = self.golden["whole.quantiles"]
        as_said = np.array_equal(held(quantiles, manifest), quantiles)
        kept = manifest.integer == (self.part == "unrounded")
        yield 0.0 if as_said and kept else float("inf"), "non_negative, integer: the answers are not what they say"

    def _widths(self) -> tuple[int, int]:
        future, static = self.known.get("future"), self.known.get("static")
        return (0 if future is None else future.shape[2]), (0 if static is None else static.shape[1])

    def together(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        rows = np.arange(len(self.golden["values"]))
        yield from self._histories(runtime, rows, self.golden["whole.lengths"].max(), "")

    def alone(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        for row in range(len(self.golden["values"])):
            length = max(1, int(self.golden["whole.lengths"][row]))
            yield from self._histories(runtime, np.array([row]), length, f" of length {length} alone")

    def padded(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        rows = np.tile(np.arange(len(self.golden["values"])), 3)[1:]
        yield from self._histories(runtime, rows, int(self.golden["whole.lengths"].max()) + 13, " in a larger batch")

    def chunked(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        golden, lengths = self.golden, self.golden["whole.lengths"]
        states = runtime.states(np.tile(self.bundle.initial, (len(lengths), 1)))
        for start in range(0, int(lengths.max()), CHUNK):
            part = slice(start, min(start + CHUNK, int(lengths.max())))
            left = np.clip(lengths - start, 0, part.stop - start)
            values, times = golden["values"][:, part], golden["times"][:, part]
            quantiles, states = runtime.sequence(values, times, left, states, **self.known)
        yield self._forecast(quantiles, golden[f"whole.{self.part}"], self.whole_scale, "")
        yield self._state(runtime.rows(states), golden["whole.states"], np.arange(len(lengths)), "")

    def chain(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        golden = self.golden
        states = runtime.states(golden["chain.start"].copy())
        recorded = {int(step): at for at, step in enumerate(golden["chain.recorded"])}
        rows = np.arange(len(golden["values"]))
        for step in range(max(recorded) + 1):
            place = self.window + step
            values, times = golden["values"][:, place].copy(), golden["times"][:, place].copy()
            quantiles, states = runtime.step(values, times, states, **self.known)
            if step in recorded:
                at = recorded[step]
                yield self._forecast(
                    quantiles, golden[f"chain.{self.part}"][at], self.series_scale, f" after step {step + 1}"
                )
                yield self._state(runtime.rows(states), golden["chain.states"][at], rows, f" after step {step + 1}")

    def chain_whole(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        golden = self.golden
        rows = np.arange(len(golden["values"]))
        lengths = np.full(len(rows), golden["values"].shape[1] - self.window, dtype=np.int64)
        states = runtime.states(golden["chain.start"].copy())
        values, times = golden["values"][:, self.window :], golden["times"][:, self.window :]
        quantiles, states = runtime.sequence(values, times, lengths, states, **self.known)
        yield self._forecast(quantiles, golden[f"chain.{self.part}"][-1], self.series_scale, " after the whole chain")
        yield self._state(runtime.rows(states), golden["chain.states"][-1], rows, " after the whole chain")

    def peek(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        golden = self.golden
        rows = np.arange(len(golden["values"]))
        states = runtime.states(golden["chain.states"][-1].copy())
        empty = np.full((len(rows), 1, golden["values"].shape[2]), np.nan)
        none = np.zeros((len(rows), 1), dtype=np.int64)
        quantiles, states = runtime.sequence(empty, none, np.zeros(len(rows), dtype=np.int64), states, **self.known)
        yield self._forecast(quantiles, golden[f"chain.{self.part}"][-1], self.series_scale, " at length 0")
        yield self._state(runtime.rows(states), golden["chain.states"][-1], rows, " at length 0")

    def gates(self, runtime: Runtime) -> Iterator[tuple[float, str]]:
        golden = self.golden
        before = runtime.states(golden["chain.states"][-2].copy())
        rows = np.arange(len(golden["values"]))
        first = self.window + int(golden["chain.recorded"][-2]) + 1
        for place in range(first, golden["values"].shape[1]):
            values, times = golden["values"][:, place].copy(), golden["times"][:, place].copy()
            gates = runtime.gates(values, times, before, self.known.get("static"))
            _, before = runtime.step(values, times, before, **self.known)
        yield _worst(gates, golden["chain.gates"], np.ones((len(rows), 1)), "gate")

    def _histories(self, runtime: Runtime, rows: Array, time: int, note: str) -> Iterator[tuple[float, str]]:
        golden = self.golden
        values, times = golden["values"][rows, :time].copy(), golden["times"][rows, :time].copy()
        lengths = golden["whole.lengths"][rows]
        states = runtime.states(np.tile(self.bundle.initial, (len(rows), 1)))
        known = {name: given[rows] for name, given in self.known.items()}
        quantiles, states = runtime.sequence(values, times, lengths, states, **known)
        yield self._forecast(quantiles, golden[f"whole.{self.part}"][rows], self.whole_scale[rows], note)
        yield self._state(runtime.rows(states), golden["whole.states"][rows], rows, note)

    def _forecast(self, found: Array, golden: Array, scales: Array, note: str) -> tuple[float, str]:
        scale = scales[:, None, None]
        return _worst(found, self._expected(found, golden, scale), scale, f"forecast{note}")

    def _expected(self, found: Array, golden: Array, scale: Array) -> Array:
        """What is found ought to be. Of whole numbers, whose golden answers are those before the rounding: the nearest
        that any answer within the tolerance is rounded to."""
        manifest = self.bundle.manifest
        if self.part == "quantiles" or found.shape != golden.shape:
            return golden
        bound = TOLERANCE * (scale + np.abs(golden))
        expected: Array = np.clip(np.round(found), held(golden - bound, manifest), held(golden + bound, manifest))
        return expected

    def _state(self, found: Array, golden: Array, rows: Array, note: str) -> tuple[float, str]:
        worst, where = _worst(found, golden, self.state_scale[rows], f"state{note}")
        number = int(where.rsplit(",", 1)[-1].rstrip(")"))
        name = next(part.name for part in self.bundle.manifest.state.slices if part.start <= number < part.stop)
        return worst, f"{where} in slice {name!r}"


def _worst(found: Array, golden: Array, scale: Array, name: str) -> tuple[float, str]:
    """The largest deviation in tolerances, and its place."""
    if found.shape != golden.shape:
        return float("inf"), f"{name}: shape {found.shape}, expected {golden.shape}, at (0,0)"
    both_missing = np.isnan(found) & np.isnan(golden)
    bound = TOLERANCE * (scale + np.abs(np.nan_to_num(golden)))
    ratio = np.abs(found.astype(np.float64) - golden) / np.maximum(bound, np.finfo(np.float64).tiny)
    ratio = np.where(both_missing | (found == golden), 0.0, np.where(np.isnan(ratio), np.inf, ratio))
    place = np.unravel_index(int(ratio.argmax()), ratio.shape)
    return float(ratio[place]), f"{name} at ({','.join(str(int(part)) for part in place)})"


def _deviation(values: Array, axis: int | tuple[int, ...]) -> Array:
    """Standard deviation over `axis` without missing values; 0 where there is none."""
    seen = ~np.isnan(values)
    count = np.maximum(seen.sum(axis=axis, keepdims=True), 1)
    mean = np.where(seen, values, 0.0).sum(axis=axis, keepdims=True, dtype=np.float64) / count
    variance = (np.where(seen, values - mean, 0.0) ** 2).sum(axis=axis, keepdims=True) / count
    deviation: Array = np.sqrt(variance).squeeze(axis)
    return deviation
