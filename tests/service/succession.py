"""Two fake models that answer differently, and what each would answer if it had served from the start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.engine import Engine
from service.errors import GatecastError
from service.runtimes.fake import COUNT, MEAN, FakeRuntime, fake_bundle
from tests.service.engines import HOUR, START, turn

OLD = fake_bundle(name="old")
NEW = fake_bundle(name="new")


class Leaning(FakeRuntime):
    """Another model: its mean leans upwards with each reading, so that its states are others too."""

    def _advance(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        constant: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        new = super()._advance(values, times, states, constant)
        new[:, COUNT] += 2
        new[:, MEAN] = np.where(new[:, COUNT] % 2 == 0, new[:, MEAN] + np.float32(0.25), new[:, MEAN])
        return new


def old() -> FakeRuntime:
    return FakeRuntime(OLD)


def new() -> FakeRuntime:
    return Leaning(NEW)


def expected(runtime: FakeRuntime, values: Sequence[float], start: int = START) -> NDArray[np.float64]:
    """Forecasts (time, horizon, quantiles) of a session that is alone with this model from its first reading on."""
    runtime = type(runtime)(runtime.bundle)
    state, forecasts = runtime.bundle.initial[None], []
    for step, value in enumerate(values):
        forecast, state = runtime.step(np.array([[value]]), np.array([start + step * HOUR]), state)
        forecasts.append(forecast[0])
    return np.array(forecasts)


async def deploy(engine: Engine, runtime: FakeRuntime) -> None:
    """A candidate whose states are rebuilt."""
    await engine.models.follow(runtime)
    await asyncio.wait_for(engine.models.level(), 30)


async def fallen(engine: Engine) -> GatecastError:
    """The error that the candidate has ended with."""
    for _ in range(100):
        await turn(engine)
        if engine.follower is not None and engine.follower.error is not None:
            return engine.follower.error
    raise AssertionError("the candidate was to fail")
