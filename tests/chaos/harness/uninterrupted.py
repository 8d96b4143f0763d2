"""The run without a break: the same readings, step by step through the bundle alone, from its initial row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.bundle import Bundle
from service.runtimes import open_runtime
from tests.chaos.harness.findings import Check, Findings
from tests.chaos.harness.meter import Meter
from tests.conftest import HOUR, START

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series or of the slice of the state + |b|)


@dataclass(frozen=True)
class Compared:
    """How many forecasts and states were held against it, and the largest deviations, in tolerances."""

    forecasts: int = 0
    states: int = 0
    worst_forecast: float = 0.0
    worst_state: float = 0.0


class Uninterrupted:
    """Steps all meters side by side; `compare` says where what was given differs."""

    def __init__(self, bundle: Bundle, meters: Sequence[Meter]) -> None:
        self._meters = [meter for meter in meters if meter.acknowledged >= 0]
        self._runtime = open_runtime("onnx", bundle)
        self._slices = [(part.start, part.stop) for part in bundle.manifest.state.slices]
        self._initial = bundle.initial

    def compare(self, states: dict[str, np.ndarray], findings: Findings) -> Compared:
        """Every forecast that was given, and the final states (state,) by name of the session."""
        if not self._meters:
            return Compared()
        given: dict[int, list[tuple[int, np.ndarray]]] = {}
        for row, meter in enumerate(self._meters):
            for step, forecast in meter.given:
                given.setdefault(step, []).append((row, forecast))
        values = np.stack([meter.values for meter in self._meters])  # (meters, time)
        last = np.array([meter.acknowledged for meter in self._meters])
        scale = np.nanstd(values, axis=1)
        row_states = np.tile(self._initial, (len(last), 1))
        spread = _Spread(len(last), self._slices)
        finals, compared, worst = np.empty_like(row_states), 0, 0.0
        state = self._runtime.states(row_states)
        for step in range(int(last.max()) + 1):
            times = np.full(len(last), START + HOUR * step)
            expected, state = self._runtime.step(values[:, step : step + 1], times, state)
            rows = self._runtime.rows(state)
            finals[last == step] = rows[last == step]
            spread.add(rows, last >= step)
            for row, forecast in given.get(step, ()):
                off = deviation(forecast, expected[row], scale[row])
                worst, compared = max(worst, off), compared + 1
                if off > 1:
                    seen = f"after step {step} a forecast is {off:.3g} tolerances off"
                    findings.add(Check.FORECAST, self._meters[row].name, seen)
        worst_state = 0.0
        for row, meter in enumerate(self._meters):
            if meter.name not in states:
                continue
            off = deviation(states[meter.name], finals[row], spread.of(row))
            worst_state = max(worst_state, off)
            if off > 1:
                findings.add(Check.STATE, meter.name, f"after step {last[row]} it is {off:.3g} tolerances off")
        return Compared(compared, len(states), worst, worst_state)


class _Spread:
    """The deviation of each slice of the state along each session."""

    def __init__(self, rows: int, slices: Sequence[tuple[int, int]]) -> None:
        self._slices = slices
        self._sums = np.zeros((3, rows, len(slices)))  # numbers, their sum, the sum of their squares

    def add(self, states: np.ndarray, going: np.ndarray) -> None:
        for at, (start, stop) in enumerate(self._slices):
            part = states[going, start:stop].astype(np.float64)
            there = ~np.isnan(part)
            part = np.where(there, part, 0.0)
            self._sums[:, going, at] += np.stack([there.sum(1), part.sum(1), (part**2).sum(1)])

    def of(self, row: int) -> np.ndarray:
        """(state,)"""
        count, total, squares = self._sums[:, row]
        count = np.maximum(count, 1)
        deviations = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
        widths = [stop - start for start, stop in self._slices]
        return np.repeat(deviations, widths)


def deviation(found: np.ndarray, expected: np.ndarray, scale: float | np.ndarray) -> float:
    """The largest, in tolerances; infinite where shapes differ, or only one of two numbers is missing."""
    if found.shape != expected.shape or (np.isnan(found) != np.isnan(expected)).any():
        return float("inf")
    bound = TOLERANCE * (scale + np.abs(np.nan_to_num(expected))) + np.finfo(np.float64).tiny
    return float((np.abs(np.nan_to_num(found - expected)) / bound).max(initial=0.0))
