"""A bundle run over a series, step by step, with its gates and hidden units written down on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from commands.gating.excerpt import Excerpt
from commands.gating.layers import Layer
from service.runtimes import Runtime, States

CHUNK = 512  # steps that go in at once before the span begins


@dataclass(frozen=True, eq=False)
class Trace:
    """What one layer did at each step of an excerpt.

    `forecasts` are those of the reading itself, made one step before it: (time, quantiles), NaN for the first reading
    of a series. `gates` by letter and `hidden`, the units after the reading, are (time, units).
    """

    forecasts: NDArray[np.float64]
    gates: dict[str, NDArray[np.float32]]
    hidden: NDArray[np.float32]


def trace(runtime: Runtime, excerpt: Excerpt, layer: Layer) -> Trace:
    """Runs all that came before the excerpt as sequences, chunk by chunk, and the excerpt itself by single steps."""
    manifest = runtime.bundle.manifest
    static = excerpt.static[None] if manifest.static else None
    forecast, states = _before(runtime, excerpt, static)
    count = excerpt.stop - excerpt.first
    forecasts = np.full((count, len(manifest.quantiles)), np.nan)
    gates = {name: np.empty((count, part.stop - part.start), np.float32) for name, part in layer.gates.items()}
    hidden = np.empty((count, layer.hidden.stop - layer.hidden.start), np.float32)
    for row, step in enumerate(range(excerpt.first, excerpt.stop)):
        forecasts[row] = forecast
        values, times = excerpt.values[step : step + 1], excerpt.times[step : step + 1]
        shown = runtime.gates(values, times, states, static)  # (1, gates)
        for name, part in layer.gates.items():
            gates[name][row] = shown[0, part]
        quantiles, states = runtime.step(values, times, states, excerpt.ahead(step), static)
        hidden[row] = runtime.rows(states)[0, layer.hidden]
        forecast = quantiles[0, 0]
    return Trace(forecasts, gates, hidden)


def _before(
    runtime: Runtime, excerpt: Excerpt, static: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], States]:
    """The forecast of the excerpt's first reading, (quantiles,), and the state before it."""
    manifest = runtime.bundle.manifest
    forecast = np.full(len(manifest.quantiles), np.nan)  # before any reading there is none
    states = runtime.states(runtime.bundle.initial[None].copy())
    chunk = min(CHUNK, manifest.longest_history or CHUNK)
    for begin in range(0, excerpt.first, chunk):
        end = min(begin + chunk, excerpt.first)
        values, times = excerpt.values[None, begin:end], excerpt.times[None, begin:end]
        length = np.array([end - begin], dtype=np.int64)
        quantiles, states = runtime.sequence(values, times, length, states, excerpt.ahead(end - 1), static)
        forecast = quantiles[0, 0]
    return forecast, states
