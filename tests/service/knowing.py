"""Engines over a model with known-future covariates and static features, and what a session alone is answered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.engine import NO_STEP, NO_TIME, Answers, Engine, Observations
from service.futures import Futures
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import HOUR, START

HORIZON, WIDTH = 3, 3
NAMES = {"covariates": ("price", "rain"), "future": ("price",), "static": ("area", "floor")}
Array = NDArray[np.float64]


def runtime(**changes: object) -> FakeRuntime:
    return FakeRuntime(fake_bundle(**{**NAMES, **changes}))  # type: ignore[arg-type]


def future(*prices: float) -> Array:
    """Prices of the next hours; unknown beyond."""
    return np.array([*prices, *[np.nan] * (HORIZON - len(prices))])[:, None]


def expected(values: Array, static: Array, ahead: Array | None, model: FakeRuntime | None = None) -> Array:
    """The forecast (horizon, quantiles) of a session that is alone, streamed reading by reading."""
    model = runtime() if model is None else FakeRuntime(model.bundle)
    state = model.bundle.initial[None]
    for step, row in enumerate(values):
        times = np.array([START + step * HOUR])
        known = None if ahead is None else ahead[None]
        forecast, state = model.step(row[None], times, state, known, static[None])
    return forecast[0]


async def observe(
    engine: Engine, *items: tuple[str, Sequence[float], int | None, Array | None], fill: bool = False
) -> Answers:
    """Sends one frame of (session, values, step, future)."""
    carried = [ahead for *_, ahead in items if ahead is not None]
    rows = np.array([-1 if ahead is None else 0 for *_, ahead in items])
    rows[rows == 0] = np.arange(len(carried))
    return await engine.observe(
        Observations(
            sessions=[name for name, *_ in items],
            steps=np.array([NO_STEP if step is None else step for *_, step, _ in items], np.int64),
            times=np.full(len(items), NO_TIME),
            values=np.array([values for _, values, *_ in items], np.float64),
            futures=Futures.of(rows, np.array(carried).reshape(-1, HORIZON, 1)),
            fill=fill,
        )
    )
