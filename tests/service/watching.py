"""Sessions that are watched: series for them, and what is told of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.engine import Answers, Engine
from service.regime import Watch
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import HOUR, START, column

Array = NDArray[np.float64]


def wave(length: int, seed: int, change: int | None = None) -> Array:
    values = np.sin(np.arange(length)) + np.random.default_rng(seed).normal(0, 0.3, length)
    values[::13] = np.nan
    if change is not None:
        values[change:] += 40.0
    return values


def told_alone(values: Array, runtime: FakeRuntime | None = None) -> Array:
    """Flag, score, since (time, 3) after each reading of a session that is alone."""
    runtime = FakeRuntime((runtime or FakeRuntime(fake_bundle())).bundle)
    watch = Watch.of(runtime.bundle.manifest)
    state, row, told = runtime.bundle.initial[None], watch.initial()[None], []
    for step, value in enumerate(values):
        _, state, gates = runtime.step_with_gates(np.array([[value]]), np.array([START + step * HOUR]), state)
        row = watch.advance(row, gates, np.array([not np.isnan(value)]))
        said = watch.read(row)
        told.append([said.flag[0], said.score[0], said.since[0]])
    return np.array(told, np.float64)


def told(answers: Answers, at: int) -> Array:
    assert answers.regimes is not None
    return answers.regimes.values[answers.regimes.rows[at]]


async def watch_all(engine: Engine, *names: str, history: Array | None = None) -> None:
    for name in names:
        await engine.create(name, START, column() if history is None else column(*history), regime=True)
