"""What frames of watched sessions cost the others: their steps are charged, so nobody waits for many of them."""

from __future__ import annotations

import asyncio

import numpy as np

from service.budget import STEP_COST
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import START, Turnstile, Watcher, alone, blocked, codes, column, memory, running, send
from tests.service.watching import told, told_alone, watch_all, wave


async def test_a_long_frame_does_not_delay_another_clients_reading_by_more_than_a_few_steps() -> None:
    runtime = FakeRuntime(fake_bundle())
    values = wave(60, 1, change=40)
    async with running(runtime, max_batch=4 + 3 * STEP_COST) as engine:
        await watch_all(engine, "a")
        await engine.create("plain", START, column())
        gate = runtime.gate = Turnstile()
        long = asyncio.create_task(send(engine, *(("a", value) for value in values)))
        for step in range(3):
            await blocked(runtime)
            reading = asyncio.create_task(send(engine, ("plain", float(step), step)))
            await asyncio.sleep(0)
            gate.let(4 + 1)  # the steps of one piece, and the reading
            answers = await asyncio.wait_for(reading, 30)
            np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(step + 1.0))[-1])
        assert not long.done()
        gate.set()
        answers = await long
        np.testing.assert_array_equal(told(answers, 59), told_alone(values)[-1])
        np.testing.assert_array_equal(answers.quantiles[answers.rows[59]], alone(values)[-1])


async def test_a_session_that_has_not_spoken_since_a_restart_is_charged_its_steps_too() -> None:
    values, journal, watcher = wave(20, 1), memory(), Watcher()
    async with running(journal=journal) as engine:
        await watch_all(engine, "a")
    async with running(journal=journal, observer=watcher, max_batch=4 + 3 * STEP_COST) as engine:
        answers = await send(engine, *(("a", value) for value in values))
        np.testing.assert_array_equal(told(answers, 19), told_alone(values)[-1])
    assert [readings for readings, _ in watcher.batches] == [4] * 5


async def test_many_sessions_with_a_reading_each_run_together() -> None:
    watcher, names = Watcher(), [str(at) for at in range(40)]
    async with running(observer=watcher, max_batch=50) as engine:
        await watch_all(engine, *names)
        assert codes(await send(engine, *((name, 1.0) for name in names))) == [None] * 40
    assert watcher.batches == [(40, 40)]
