"""Streams through the engine: whoever else is there, each session is answered as if it were alone."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import NO_STEP, Observations
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    HOUR,
    NAN,
    START,
    Turnstile,
    Watcher,
    alone,
    blocked,
    codes,
    column,
    frame,
    memory,
    running,
    send,
)

VALUES = st.one_of(st.just(NAN), st.floats(-1e6, 1e6, width=32))


async def test_streamed_one_by_one_equals_streamed_in_frames_equals_one_history() -> None:
    values = np.array([5.0, NAN, 7.0, 8.0, 2.0, 9.0, 1.0])
    truth = alone(values)
    async with running() as engine:
        for name in ("single", "framed"):
            await engine.create(name, START, column())
        await engine.create("whole", START, column(*values))
        for step, value in enumerate(values):
            answers = await send(engine, ("single", value, step))
            np.testing.assert_array_equal(answers.quantiles[answers.rows[0]], truth[step])
        framed = await send(engine, *(("framed", value) for value in values))
        assert framed.rows.tolist() == [-1] * 6 + [0]
        assert framed.steps.tolist() == list(range(7))
        np.testing.assert_array_equal(framed.quantiles[0], truth[-1])
        for name in ("single", "framed", "whole"):
            view, forecast = await engine.peek(name)
            assert view.last_step == 6
            np.testing.assert_array_equal(forecast, truth[-1])


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_many_clients_with_random_frames_are_each_answered_as_if_alone(data: st.DataObject) -> None:
    clients = data.draw(st.integers(1, 4), label="clients")
    lengths = [data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5), label="frames") for _ in range(clients)]
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    bounds = {
        "max_batch": data.draw(st.sampled_from([1, 2, 7, 1024]), label="max_batch"),
        "max_resident": data.draw(st.sampled_from([1, 2, 5, 4096]), label="max_resident"),
        "checkpoint_every": data.draw(st.sampled_from([1, 3, 256]), label="checkpoint_every"),
        "chunk": data.draw(st.sampled_from([1, 4, 256]), label="chunk"),
    }
    asyncio.run(_clients_are_answered_as_if_alone(lengths, seed, bounds))


async def _clients_are_answered_as_if_alone(lengths: list[list[int]], seed: int, bounds: dict[str, int]) -> None:
    random = np.random.default_rng(seed)
    names = [f"{client}-{session}" for client in range(len(lengths)) for session in range(3)]
    total = max(sum(frames) for frames in lengths)
    series = {name: np.where(random.random(total) < 0.1, NAN, random.normal(size=total)) for name in names}
    truths = {name: alone(values) for name, values in series.items()}

    async with running(**bounds) as engine:

        async def client(own: list[str], frames: list[int], order: np.random.Generator) -> None:
            sent = dict.fromkeys(own, 0)
            for count in frames:
                items = []
                for name in order.choice(own, count):
                    step = sent[name]
                    keyed = (step, None) if order.random() < 0.5 else (None, START + step * HOUR)
                    items.append((str(name), series[name][step], *keyed))
                    sent[name] += 1
                answers = await engine.observe(frame(*items))
                assert codes(answers) == [None] * count
                for (name, _, _, _), step, time, row in zip(
                    items, answers.steps, answers.times, answers.rows, strict=True
                ):
                    assert time == START + step * HOUR
                    if row >= 0:
                        np.testing.assert_array_equal(answers.quantiles[row], truths[name][step])
                for name in {name for name, *_ in items}:
                    view, forecast = await engine.peek(name)
                    assert view.last_step == sent[name] - 1
                    np.testing.assert_array_equal(forecast, truths[name][sent[name] - 1])

        await asyncio.gather(*(engine.create(name, START, column()) for name in names))
        tasks = [
            client(names[3 * at : 3 * at + 3], frames, np.random.default_rng([seed, at]))
            for at, frames in enumerate(lengths)
        ]
        await asyncio.gather(*tasks)


async def test_whatever_arrives_while_a_batch_runs_is_the_next_batch() -> None:
    runtime, watcher = FakeRuntime(fake_bundle()), Watcher()
    async with running(runtime, observer=watcher) as engine:
        for name in "abcdef":
            await engine.create(name, START, column())
        runtime.gate.clear()
        first = asyncio.create_task(send(engine, ("a", 1.0)))
        await blocked(runtime)
        others = [asyncio.create_task(send(engine, (name, 1.0))) for name in "bcdef"]
        await asyncio.sleep(0)
        runtime.gate.set()
        await asyncio.gather(first, *others)
    assert watcher.batches == [(1, 1), (5, 5)]
    assert [(run.kind, run.batch) for run in runtime.log] == [("step", 1), ("step", 8)]


async def test_a_session_with_several_readings_waiting_takes_them_in_one_turn() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        for name in "ab":
            await engine.create(name, START, column())
        runtime.gate.clear()
        first = asyncio.create_task(send(engine, ("b", 0.0)))
        await blocked(runtime)
        waiting = [asyncio.create_task(send(engine, ("a", float(at), at))) for at in range(3)]
        await asyncio.sleep(0)
        runtime.gate.set()
        await first
        answers = await asyncio.gather(*waiting)
    assert [(run.kind, run.time) for run in runtime.log] == [("step", 1), ("sequence", 4)]
    assert [answer.steps[0] for answer in answers] == [0, 1, 2]
    assert [len(answer.quantiles) for answer in answers] == [0, 0, 1]
    assert [answer.last_steps[0] for answer in answers] == [2, 2, 2]
    np.testing.assert_array_equal(answers[2].quantiles[0], alone([0.0, 1.0, 2.0])[-1])


async def test_single_readings_are_stepped_and_never_padded_to_the_longest_turn() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        for name in "abc":
            await engine.create(name, START, column())
        await send(engine, ("a", 1.0), ("b", 1.0), *(("c", float(at)) for at in range(9)))
    assert [(run.kind, run.batch, run.time) for run in runtime.log] == [("step", 2, 1), ("sequence", 1, 16)]


async def test_batches_are_padded_to_powers_of_two() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        names = [str(at) for at in range(11)]
        for name in names:
            await engine.create(name, START, column())
        for count in (1, 2, 3, 5, 11):
            await send(engine, *((name, 1.0) for name in names[:count]))
    assert [run.batch for run in runtime.log] == [1, 2, 4, 8, 16]


async def test_a_long_frame_is_worked_off_in_batches_and_answered_as_one() -> None:
    watcher = Watcher()
    async with running(observer=watcher, max_batch=4) as engine:
        for name in "ab":
            await engine.create(name, START, column())
        answers = await send(engine, *(("ab"[at % 2], float(at)) for at in range(10)))
        assert answers.steps.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        newest = answers.rows[-2:]
        np.testing.assert_array_equal(answers.quantiles[newest[0]], alone([0.0, 2.0, 4.0, 6.0, 8.0])[-1])
        np.testing.assert_array_equal(answers.quantiles[newest[1]], alone([1.0, 3.0, 5.0, 7.0, 9.0])[-1])
    assert [readings for readings, _ in watcher.batches] == [4, 4, 2]


async def test_a_long_frame_lets_others_pass_after_a_piece_but_not_those_of_its_own_sessions() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_batch=4) as engine:
        for name in "abc":
            await engine.create(name, START, column())
        gate = runtime.gate = Turnstile()
        long = asyncio.create_task(send(engine, *(("ab"[at % 2], float(at)) for at in range(40))))
        await blocked(runtime)
        behind = asyncio.create_task(send(engine, ("b", 41.0, 20)))
        passing = asyncio.create_task(send(engine, ("c", 5.0, 0)))
        await asyncio.sleep(0)
        gate.let(2)  # the piece that has begun, and the reading
        assert codes(await asyncio.wait_for(passing, 30)) == [None]
        assert [task.done() for task in (long, behind)] == [False, False]
        gate.set()
        answers = await behind
        assert long.done()
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(1.0, 42.0, 2.0))[-1])


async def test_covariates_reach_the_model_and_a_missing_one_is_legal() -> None:
    runtime = FakeRuntime(fake_bundle(covariates=("rain", "wind")))
    values = np.array([[1.0, 2.0, 3.0], [2.0, NAN, 1.0], [NAN, 1.0, NAN]])
    async with running(runtime) as engine:
        await engine.create("a", START, np.empty((0, 3)))
        none = np.full(3, NO_STEP)
        times = START + HOUR * np.arange(3)
        answers = await engine.observe(Observations(["a"] * 3, none, times, values))
        np.testing.assert_array_equal(answers.quantiles[0], alone(values, runtime=runtime)[-1])
        again = await engine.observe(Observations(["a"], none[:1], times[2:], values[2:]))
        assert again.repeated.tolist() == [True]


async def test_an_empty_frame_is_answered_at_once() -> None:
    async with running() as engine:
        answers = await engine.observe(frame())
    assert answers.errors == []
    assert answers.quantiles.shape == (0, 3, 3)


async def test_counted_steps_need_no_time_and_start_at_zero() -> None:
    runtime = FakeRuntime(fake_bundle(frequency="1"))
    async with running(runtime) as engine:
        assert (await engine.create("a", None, column())).start == 0
        answers = await send(engine, ("a", 1.0), ("a", 2.0, None, 1), ("a", 3.0, 2))
        assert answers.times.tolist() == [0, 1, 2]
        assert answers.keyed.tolist() == [False, True, True]


@pytest.mark.parametrize("frequency", ["1mo", "1q", "1w", "15min"])
async def test_times_place_readings_on_any_grid(frequency: str) -> None:
    runtime = FakeRuntime(fake_bundle(frequency=frequency))
    from datasets.frequency import Frequency

    times = Frequency.parse(frequency).times(START, np.arange(20))
    async with running(runtime) as engine:
        await engine.create("a", START, column())
        answers = await send(engine, *(("a", 1.0, None, int(time)) for time in times))
    assert codes(answers) == [None] * 20
    assert answers.steps.tolist() == list(range(20))
    np.testing.assert_array_equal(answers.times, times)


async def test_a_stream_survives_its_neighbours_frames_being_split_anywhere() -> None:
    async with running(journal=memory(), max_batch=3) as engine:
        for name in "abc":
            await engine.create(name, START, column())
        tasks = [asyncio.create_task(send(engine, *((name, float(at), at) for at in range(10)))) for name in "abc"]
        for answers in await asyncio.gather(*tasks):
            np.testing.assert_array_equal(answers.quantiles[answers.rows[-1]], alone(np.arange(10.0))[-1])
