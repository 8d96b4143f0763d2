"""Engines over the fake runtime for tests, and what each session must be answered if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from threading import Event, Semaphore

import numpy as np
from numpy.typing import NDArray

from service.engine import NO_STEP, NO_TIME, Answers, Engine, EngineSettings, NullObserver, Observations
from service.errors import UnknownSession
from service.journal import Journal, open_journal
from service.runtimes.fake import FakeRuntime, Run, fake_bundle

HOUR = 3_600
START = 1_420_848_000  # 2015-01-10T00:00:00
NAN = float("nan")

Item = tuple[str, float] | tuple[str, float, int | None] | tuple[str, float, int | None, int | None]


def memory(width: int = 1) -> Journal:
    return open_journal("memory", width, "1h")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Turnstile(Event):
    """A gate of the fake runtime that lets a number of runs pass."""

    def __init__(self) -> None:
        super().__init__()
        self._runs = Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        return self._runs.acquire(timeout=timeout)

    def let(self, runs: int) -> None:
        self._runs.release(runs)

    def set(self) -> None:
        self._runs.release(1_000_000)


class Watcher(NullObserver):
    """Keeps what the engine tells."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.refusals: list[tuple[str, int]] = []
        self.faults: list[str] = []
        self.rebuilds: list[tuple[int, int]] = []
        self.evictions: list[int] = []
        self.saved = 0
        self.tail: list[int] = []
        self.states: list[tuple[bool, str]] = []

    def batch(self, readings: int, sessions: int, seconds: float) -> None:  # noqa: ARG002
        self.batches.append((readings, sessions))

    def refused(self, code: str, readings: int) -> None:
        self.refusals.append((code, readings))

    def fault(self, error: BaseException) -> None:
        self.faults.append(type(error).__name__)

    def rebuilt(self, sessions: int, readings: int) -> None:
        self.rebuilds.append((sessions, readings))

    def evicted(self, sessions: int) -> None:
        self.evictions.append(sessions)

    def checkpointed(self, sessions: int) -> None:
        self.saved += sessions

    def folded(self, left: int) -> None:
        self.tail.append(left)

    def readiness(self, ready: bool, reason: str) -> None:
        self.states.append((ready, reason))


@asynccontextmanager
async def running(
    runtime: FakeRuntime | None = None,
    journal: Journal | None = None,
    observer: Watcher | None = None,
    clock: Clock | None = None,
    **bounds: float,
) -> AsyncIterator[Engine]:
    """An engine that has warmed up; drained at the end if the test has not done so."""
    runtime = runtime or FakeRuntime(fake_bundle())
    journal = journal or memory(runtime.bundle.width)
    settings = EngineSettings(**bounds)  # type: ignore[arg-type]
    clocks = {} if clock is None else {"clock": clock}
    engine = Engine(runtime, journal, settings, observer, **clocks)
    engine.start()
    await turn(engine)
    runtime.log.clear()
    runtime.entered.clear()
    try:
        yield engine
    finally:
        runtime.gate.set()
        await asyncio.wait_for(engine.drain(), 30)


async def turn(engine: Engine) -> None:
    """Returns when the engine's thread has come round: all that was handed in before has been seen."""
    with suppress(UnknownSession):
        await engine.session("nobody")


async def blocked(runtime: FakeRuntime) -> None:
    """Returns when a run has begun and waits at the gate; `runtime.gate` was cleared before."""
    assert await asyncio.to_thread(runtime.entered.wait, 30)
    runtime.entered.clear()


def frame(*items: Item, width: int = 1) -> Observations:
    """Observations from (session, value[, step[, time]]); covariates are 0."""
    rows = [(*item, None, None)[:4] for item in items]
    values = np.zeros((len(rows), width))
    values[:, 0] = [value for _, value, _, _ in rows]
    return Observations(
        sessions=[name for name, _, _, _ in rows],
        steps=np.array([NO_STEP if step is None else step for _, _, step, _ in rows], np.int64),
        times=np.array([NO_TIME if time is None else time for _, _, _, time in rows], np.int64),
        values=values,
    )


async def send(engine: Engine, *items: Item) -> Answers:
    return await engine.observe(frame(*items))


def column(*values: float) -> NDArray[np.float64]:
    return np.array(values, np.float64).reshape(-1, 1)


def codes(answers: Answers) -> list[str | None]:
    return [None if error is None else error.code for error in answers.errors]


def alone(
    values: Sequence[float] | NDArray[np.float64], start: int = START, runtime: FakeRuntime | None = None
) -> NDArray[np.float64]:
    """Forecasts (time, horizon, quantiles) after each reading of a session that is alone, one step at a time."""
    runtime = FakeRuntime((runtime or FakeRuntime(fake_bundle())).bundle)
    values = np.asarray(values, np.float64)
    values = values.reshape(len(values), -1)
    state, forecasts = runtime.bundle.initial[None], []
    for step, row in enumerate(values):
        forecast, state = runtime.step(row[None], np.array([start + step * HOUR]), state)
        forecasts.append(forecast[0])
    return np.array(forecasts)


def runs(runtime: FakeRuntime, kind: str) -> list[Run]:
    return [run for run in runtime.log if run.kind == kind]


async def named(engine: Engine, *names: str) -> None:
    for name in names:
        await engine.create(name, START, column())
