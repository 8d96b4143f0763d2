"""Histories: chunked equals whole, windows of one length class run together, and the stream never starves."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import EngineSettings, History, NullObserver
from service.errors import (
    EmptyHistory,
    HistoryTooLong,
    InvalidValue,
    ModelFailed,
    NonFiniteForecast,
    NoReadings,
    Overloaded,
    UnknownSession,
)
from service.histories import Histories, Window
from service.padding import PaddedRuntime
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.stepping import Stepper
from tests.service.engines import HOUR, NAN, START, Turnstile, Watcher, alone, blocked, column, running, send


def history(values: np.ndarray) -> History:
    return History(values.reshape(-1, 1), START + HOUR * np.arange(len(values)))


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=9),
    chunk=st.sampled_from([1, 3, 8, 64]),
    together=st.sampled_from([1, 2, 32]),
    seed=st.integers(0, 2**32 - 1),
)
def test_histories_of_any_lengths_in_any_chunks_equal_each_one_whole(
    lengths: list[int], chunk: int, together: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    series = [np.where(random.random(length) < 0.2, NAN, random.normal(size=length)) for length in lengths]

    async def forecasts() -> np.ndarray:
        async with running(chunk=chunk, history_batch=together) as engine:
            return await engine.forecast([history(values) for values in series])

    for forecast, values in zip(asyncio.run(forecasts()), series, strict=True):
        np.testing.assert_array_equal(forecast, alone(values)[-1])


async def test_a_long_history_does_not_delay_a_reading_by_more_than_one_chunk() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=16) as engine:
        await engine.create("a", START, column())
        gate = runtime.gate = Turnstile()
        long = asyncio.create_task(engine.forecast([history(np.arange(10_000.0))]))
        for step in range(3):
            await blocked(runtime)
            reading = asyncio.create_task(send(engine, ("a", float(step), step)))
            await asyncio.sleep(0)
            gate.let(2)  # that chunk, and the run after it
            answers = await asyncio.wait_for(reading, 30)
            np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(step + 1.0))[-1])
        assert not long.done()
        gate.set()
        np.testing.assert_array_equal((await long)[0], alone(np.arange(10_000.0))[-1])
    assert [run.kind for run in runtime.log][:6] == ["sequence", "step"] * 3


async def test_a_long_history_does_not_keep_short_ones_waiting_till_its_end() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=8) as engine:
        runtime.gate.clear()
        long = asyncio.create_task(engine.forecast([history(np.arange(800.0))]))
        short = asyncio.create_task(engine.forecast([history(np.arange(3.0))]))
        await asyncio.sleep(0)
        runtime.gate.set()
        await asyncio.gather(long, short)
        assert [run.time for run in runtime.log].index(4) <= 2
        assert len(runtime.log) == 101


async def test_windows_of_one_length_class_run_together_and_done_rows_leave() -> None:
    runtime, watcher = FakeRuntime(fake_bundle()), Watcher()
    async with running(runtime, observer=watcher, chunk=8) as engine:
        await engine.forecast([history(np.arange(float(length))) for length in (8, 16, 5, 2, 24)])
    assert sorted((run.batch, run.time) for run in runtime.log) == [(1, 2), (1, 8), (2, 8), (4, 8)]


async def test_the_state_of_a_created_session_is_that_after_its_history() -> None:
    values = np.arange(50.0)
    async with running(chunk=7) as engine:
        await engine.create("a", START, column(*values))
        answers = await send(engine, ("a", 50.0, 50))
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(51.0))[-1])


async def test_impossible_histories_are_refused_by_name() -> None:
    runtime = FakeRuntime(fake_bundle(longest_history=100))
    async with running(runtime, max_history=1_000) as engine:
        fine = history(np.arange(5.0))
        with pytest.raises(EmptyHistory) as empty:
            await engine.forecast([fine, history(np.empty(0))])
        assert empty.value.facts["series"] == 1
        with pytest.raises(HistoryTooLong) as long:
            await engine.forecast([fine, fine, history(np.arange(101.0))])
        assert long.value.facts == {"longest": 100, "series": 2}
        with pytest.raises(HistoryTooLong):
            await engine.create("a", START, column(*range(101)))
        with pytest.raises(InvalidValue) as infinite:
            await engine.forecast([history(np.array([1.0, np.inf]))])
        assert infinite.value.facts == {"index": 1, "series": 0}
        assert (await engine.forecast([])).shape == (0, 3, 3)


async def test_the_bound_of_the_service_holds_where_the_model_has_none() -> None:
    async with running(max_history=10) as engine:
        with pytest.raises(HistoryTooLong):
            await engine.forecast([history(np.arange(11.0))])


async def test_work_on_histories_is_bounded() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_waiting_steps=100) as engine:
        runtime.gate.clear()
        first = asyncio.create_task(engine.forecast([history(np.arange(60.0))]))
        await blocked(runtime)
        with pytest.raises(Overloaded) as full:
            await engine.forecast([history(np.arange(35.0))])
        with pytest.raises(Overloaded):  # few steps, but each is answered with three
            await engine.forecast([history(np.arange(1.0))] * 10)
        assert full.value.facts["retry_after_seconds"] == 1
        with pytest.raises(Overloaded):
            await engine.create("a", START, column(*range(41)))
        runtime.gate.set()
        await first
        await engine.forecast([history(np.arange(97.0))])


def test_a_chunk_costs_the_same_however_many_histories_wait() -> None:
    runtime, asked = FakeRuntime(fake_bundle()), 0

    def gone() -> bool:
        nonlocal asked
        asked += 1
        return False

    done: list[int] = []
    model = PaddedRuntime(runtime)
    line = Histories(model, Stepper(model, None), EngineSettings(), NullObserver(), done.clear, lambda: 0.0)
    for number in range(1_000):
        one = history(np.arange(1.0 + number % 7))

        def finished(*_: object, number: int = number) -> None:
            done.append(number)

        line.add(Window(one.values, one.times, runtime.bundle.initial, finished, pytest.fail, gone))
    while line.run_chunk():
        pass
    assert sorted(done) == list(range(1_000))
    assert asked < 3 * 1_000


async def test_a_history_that_fails_fails_its_own_request_only() -> None:
    runtime = FakeRuntime(fake_bundle())
    runtime.raise_on, runtime.nan_on = 666.0, 13.0
    async with running(runtime, chunk=4) as engine:
        good = asyncio.create_task(engine.forecast([history(np.arange(3.0))]))
        with pytest.raises(ModelFailed):
            await engine.forecast([history(np.full(2, 666.0))])
        with pytest.raises(NonFiniteForecast) as spoilt:
            await engine.forecast([history(np.arange(3.0)), history(np.array([1.0, 13.0]))])
        assert spoilt.value.facts["series"] == 1
        np.testing.assert_array_equal((await good)[0], alone(np.arange(3.0))[-1])


async def test_a_history_that_fails_creates_nothing() -> None:
    runtime = FakeRuntime(fake_bundle())
    runtime.raise_on, runtime.nan_on = 666.0, 13.0
    async with running(runtime) as engine:
        for value, error in ((666.0, ModelFailed), (13.0, NonFiniteForecast)):
            with pytest.raises(error):
                await engine.create("a", START, column(1.0, value))
            with pytest.raises(UnknownSession):
                await engine.session("a")


async def test_a_request_that_is_cancelled_leaves_the_line() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=8) as engine:
        runtime.gate.clear()
        long = asyncio.create_task(engine.forecast([history(np.arange(8_000.0))]))
        await blocked(runtime)
        long.cancel()
        await asyncio.sleep(0)
        runtime.gate.set()
        await engine.forecast([history(np.arange(8.0))])
        await engine.drain()
        assert len(runtime.log) < 10


async def test_a_peek_needs_a_reading() -> None:
    async with running() as engine:
        await engine.create("a", START, column())
        with pytest.raises(NoReadings):
            await engine.peek("a")


async def test_many_who_look_are_answered_by_one_run() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        for name in "abc":
            await engine.create(name, START, column(1.0))
        runtime.log.clear()
        runtime.entered.clear()
        runtime.gate.clear()
        first = asyncio.create_task(engine.peek("a"))
        await blocked(runtime)
        looks = [asyncio.create_task(engine.peek(name)) for name in "abcab"]
        await asyncio.sleep(0)
        runtime.gate.set()
        for _, forecast in await asyncio.gather(first, *looks):
            np.testing.assert_array_equal(forecast, alone([1.0])[-1])
        assert [run.batch for run in runtime.log] == [1, 4]
