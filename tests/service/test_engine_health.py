"""A model that fails: its own batch is told, probes decide readiness, and every size is warm before that."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from service.engine import Engine, History
from service.errors import ModelFailed
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    START,
    Clock,
    Watcher,
    alone,
    blocked,
    codes,
    column,
    memory,
    named,
    running,
    send,
    turn,
)


async def test_one_exception_in_the_model_fails_its_own_batch_and_the_loop_goes_on() -> None:
    runtime, watcher = FakeRuntime(fake_bundle()), Watcher()
    runtime.raise_on = 666.0
    async with running(runtime, observer=watcher) as engine:
        await named(engine, "a", "b")
        answers = await send(engine, ("a", 666.0), ("b", 1.0), ("a", 5.0, 7))
        assert codes(answers) == ["model_failed", "model_failed", "gap"]
        assert answers.last_steps.tolist() == [-1, -1, -1]
        answers = await send(engine, ("a", 1.0, 0), ("b", 1.0, 0))
        assert codes(answers) == [None, None]
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0])[0])
    assert watcher.faults == ["ModelFailed"]
    assert watcher.refusals == [("model_failed", 2), ("gap", 1)]


async def test_after_a_failure_probes_with_back_off_decide_readiness() -> None:
    runtime, watcher, clock = FakeRuntime(fake_bundle()), Watcher(), Clock()
    async with running(runtime, observer=watcher, clock=clock, probe_seconds=1, probe_seconds_at_most=4) as engine:
        assert engine.ready
        await named(engine, "a")
        runtime.broken = True
        assert codes(await send(engine, ("a", 1.0))) == ["model_failed"]
        assert not engine.ready
        assert "model" in engine.reason
        attempts = []
        for now in np.arange(0.5, 16.5, 0.5):
            before = len(runtime.log)
            clock.now = now
            await turn(engine)
            await turn(engine)
            if len(runtime.log) > before:
                attempts.append(now)
        assert attempts == [1.0, 3.0, 7.0, 11.0, 15.0]
        runtime.broken = False
        assert codes(await send(engine, ("a", 1.0))) == [None]
        assert not engine.ready  # a reading that went well decides nothing
        clock.now = 19.0
        await turn(engine)
        await turn(engine)
        assert engine.ready
    assert [ready for ready, _ in groupby(ready for ready, _ in watcher.states)] == [False, True, False, True]


async def test_a_golden_probe_can_be_given() -> None:
    runtime, clock, asked = FakeRuntime(fake_bundle()), Clock(), []

    def probe() -> None:
        asked.append(clock.now)
        if len(asked) < 2:
            raise ValueError("not the golden answer")

    runtime.raise_on = 666.0
    engine = Engine(runtime, memory(), clock=clock, probe=probe)
    engine.start()
    await named(engine, "a")
    await send(engine, ("a", 666.0))
    for now, ready in ((1.0, False), (2.0, False), (3.0, True)):
        clock.now = now
        await turn(engine)
        await turn(engine)
        assert engine.ready is ready
    assert asked == [1.0, 3.0]
    await engine.drain()


async def test_a_model_that_cannot_warm_up_is_not_ready() -> None:
    runtime = FakeRuntime(fake_bundle())
    runtime.broken = True
    async with running(runtime) as engine:
        assert not engine.ready


async def test_every_batch_size_is_warmed_up_before_ready() -> None:
    runtime = FakeRuntime(fake_bundle())
    engine = Engine(runtime, memory())
    runtime.gate.clear()
    engine.start()
    await blocked(runtime)
    assert (engine.ready, engine.reason) == (False, "warming up")
    runtime.gate.set()
    await turn(engine)
    assert engine.ready
    steps = {run.batch for run in runtime.log if run.kind == "step"}
    assert steps == {2**power for power in range(11)}
    assert {run.time for run in runtime.log if run.kind == "sequence"} == {2**power for power in range(9)}
    await engine.drain()


async def test_a_model_that_does_not_stream_is_warmed_up_and_probed_without_a_step() -> None:
    class Stepless(FakeRuntime):
        def step(self, *_):
            raise RuntimeError("there is no graph for a step")

    runtime, clock = Stepless(fake_bundle(streams=False)), Clock()
    async with running(runtime, clock=clock) as engine:
        assert engine.ready
        history = History(column(1.0), np.array([START]))
        runtime.broken = True
        with pytest.raises(ModelFailed):
            await engine.forecast([history])
        assert not engine.ready
        runtime.broken = False
        clock.now += 2
        await turn(engine)
        assert engine.ready
        np.testing.assert_array_equal((await engine.forecast([history]))[0], alone([1.0])[-1])


async def test_warming_up_ends_in_time() -> None:
    runtime, clock = FakeRuntime(fake_bundle()), Clock()
    sizes = 0

    class Slow(FakeRuntime):
        def step(self, *arguments):
            nonlocal sizes
            sizes += 1
            clock.now += 10
            return super().step(*arguments)

    engine = Engine(Slow(runtime.bundle), memory(), clock=clock)
    engine.start()
    await turn(engine)
    assert engine.ready
    assert sizes == 2
    await engine.drain()


async def test_a_failed_model_does_not_keep_sessions_from_being_made_or_found() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        runtime.broken = True
        await named(engine, "a")
        assert (await engine.session("a")).last_step == -1
        with pytest.raises(ModelFailed):
            await engine.forecast([History(column(1.0), np.array([START]))])
