"""Sessions that are calibrated: what each is answered if it is alone, one step at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.calibration import Calibration
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import HOUR, START

Array = NDArray[np.float64]


def noise(length: int, seed: int) -> Array:
    """Readings that the fake model knows too little of, with gaps."""
    random = np.random.default_rng(seed)
    values = np.sin(np.arange(length) / 3) + random.normal(0, 1.5, length)
    values[random.random(length) < 0.1] = np.nan
    return values


def walked_alone(values: Array, runtime: FakeRuntime | None = None) -> tuple[Array, Array]:
    """Forecasts (time, horizon, quantiles) and calibrations (time, size) after each reading."""
    runtime = runtime or FakeRuntime(fake_bundle())
    runtime = type(runtime)(runtime.bundle)
    method = Calibration.of(runtime.bundle.manifest)
    assert method is not None
    state, row, said, rows = runtime.bundle.initial[None], method.initial()[None], [], []
    for step, value in enumerate(values):
        forecast, state = runtime.step(np.array([[value]]), np.array([START + step * HOUR]), state)
        row, forecast = method.advance(row, forecast, np.array([value]))
        said.append(forecast[0])
        rows.append(row[0])
    return np.array(said), np.array(rows)


def calibrated_alone(values: Array, runtime: FakeRuntime | None = None) -> Array:
    """Forecasts (time, horizon, quantiles) after each reading of a session that is alone."""
    return walked_alone(values, runtime)[0]
