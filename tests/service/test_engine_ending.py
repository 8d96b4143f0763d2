"""However an engine ends, nobody is left waiting."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from service.engine import Engine, History
from service.errors import Draining, InternalError
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    START,
    Watcher,
    alone,
    blocked,
    codes,
    column,
    memory,
    named,
    running,
    send,
)


async def test_draining_answers_all_that_was_accepted_and_nothing_more() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=8, max_batch=2) as engine:
        await engine.create("a", START, column(0.0))
        runtime.gate.clear()
        first = asyncio.create_task(send(engine, ("a", 1.0)))
        await blocked(runtime)
        values = column(*range(100))
        accepted = [
            asyncio.create_task(send(engine, *(("a", float(at)) for at in range(2, 9)))),
            asyncio.create_task(engine.forecast([History(values, START + 3600 * np.arange(100))])),
            asyncio.create_task(engine.create("b", START, values)),
            asyncio.create_task(engine.peek("a")),
            asyncio.create_task(engine.session("a")),
        ]
        await asyncio.sleep(0)
        ending = asyncio.create_task(engine.drain())
        await asyncio.sleep(0)
        assert not engine.ready
        assert "this service is ending" in engine.reason
        for call in (send(engine, ("a", 1.0)), engine.session("a"), engine.peek("a")):
            with pytest.raises(Draining):
                await call
        runtime.gate.set()
        await asyncio.wait_for(ending, 30)
        answers, forecast, made, _, _ = await asyncio.gather(*accepted)
        assert codes(await first) == [None]
        assert codes(answers) == [None] * 7
        assert made.created
        np.testing.assert_array_equal(answers.quantiles[-1], alone(np.arange(9.0))[-1])
        np.testing.assert_array_equal(forecast[0], alone(values)[-1])


async def test_draining_twice_or_before_the_start_does_no_harm() -> None:
    engine = Engine(FakeRuntime(fake_bundle()), memory())
    await engine.drain()
    async with running() as engine:
        await engine.drain()
        await engine.drain()


async def test_a_turn_that_fails_as_a_whole_leaves_nobody_waiting_and_the_next_one_is_well() -> None:
    class Nervous(Watcher):
        calm = True

        def appended(self, readings: int, seconds: float) -> None:  # noqa: ARG002
            if not self.calm:
                raise ZeroDivisionError

        def refused(self, code: str, readings: int) -> None:  # noqa: ARG002
            raise ZeroDivisionError

    watcher = Nervous()
    async with running(observer=watcher) as engine:
        await named(engine, "a")
        watcher.calm = False
        assert codes(await send(engine, ("a", 1.0, 0))) == ["internal"]
        watcher.calm = True
        answers = await send(engine, ("a", 2.0, 1))  # what was recorded stays, and its state is rebuilt
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 2.0])[-1])
    assert watcher.faults == ["InternalError"] * 2


async def test_an_engine_whose_thread_dies_leaves_nobody_waiting() -> None:
    class Deaf(Watcher):
        def batch(self, readings: int, sessions: int, seconds: float) -> None:  # noqa: ARG002
            raise KeyboardInterrupt

    import threading

    runtime, died = FakeRuntime(fake_bundle()), []
    hook, threading.excepthook = threading.excepthook, died.append
    try:
        async with running(runtime, observer=Deaf()) as engine:
            await named(engine, "a")
            runtime.gate.clear()
            first = asyncio.create_task(send(engine, ("a", 1.0)))
            await blocked(runtime)
            others = [
                asyncio.create_task(send(engine, ("a", 1.0))),
                asyncio.create_task(engine.peek("a")),
                asyncio.create_task(engine.forecast([History(column(1.0), np.array([START]))])),
            ]
            await asyncio.sleep(0)
            runtime.gate.set()
            assert codes(await first) == [None]
            for ended in await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 30):
                assert isinstance(ended, InternalError)
            assert not engine.ready
    finally:
        threading.excepthook = hook
    assert len(died) == 1
