"""Forecasts after every n-th step, or never: what is not wanted is not answered with, and all else is as ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Answers, Engine
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import Item, alone, blocked, codes, frame, named, running

VALUES = st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, width=32))


async def ask(engine: Engine, every: int, *items: Item) -> Answers:
    return await engine.observe(replace(frame(*items), every=every))


@settings(max_examples=30, deadline=None)
@given(every=st.integers(0, 5), cuts=st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=1, max_size=6))
def test_a_forecast_comes_with_every_nth_step_or_the_newest_that_was_computed_with_it(
    every: int, cuts: list[list[float]]
) -> None:
    async def story() -> None:
        truth = alone([value for cut in cuts for value in cut])
        async with running() as engine:
            await named(engine, "a")
            step = -1
            for cut in cuts:
                step += len(cut)
                answers = await ask(engine, every, *(("a", value) for value in cut))
                assert answers.steps.tolist() == [*range(step + 1 - len(cut), step + 1)]
                wanted = every > 0 and (step + 1) // every > (step + 1 - len(cut)) // every
                assert answers.rows.tolist() == [-1] * (len(cut) - 1) + [0 if wanted else -1]
                assert len(answers.quantiles) == wanted
                if wanted:
                    np.testing.assert_array_equal(answers.quantiles[0], truth[step])
            np.testing.assert_array_equal((await engine.peek("a"))[1], truth[-1])

    asyncio.run(story())


@settings(max_examples=40, deadline=None)
@given(
    every=st.integers(0, 4),
    items=st.lists(
        st.tuples(st.sampled_from("abc"), VALUES, st.sampled_from([None, None, None, 0, 999])), min_size=1, max_size=24
    ),
    most=st.integers(1, 5),
)
def test_a_frame_that_is_worked_off_in_several_batches_has_them_where_one_batch_would(
    every: int, items: list[Item], most: int
) -> None:
    async def story(limit: int) -> Answers:
        async with running(max_batch=limit) as engine:
            await named(engine, "a", "b", "c")
            return await ask(engine, every, *items)

    split, whole = (asyncio.run(story(limit)) for limit in (most, 1024))
    np.testing.assert_array_equal(split.steps, whole.steps)
    has = whole.rows >= 0
    np.testing.assert_array_equal(split.rows >= 0, has)
    np.testing.assert_array_equal(split.quantiles[split.rows[has]], whole.quantiles[whole.rows[has]])


async def test_each_frame_of_a_batch_has_its_own_cadence() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, "first", "a", "b", "c")
        runtime.gate.clear()
        opened = asyncio.create_task(ask(engine, 1, ("first", 1.0)))
        await blocked(runtime)
        asked = [(0, "a"), (1, "b"), (2, "c")]
        waiting = [asyncio.create_task(ask(engine, every, (name, 1.0), (name, 2.0))) for every, name in asked]
        await asyncio.sleep(0)
        runtime.gate.set()
        await opened
        never, always, second = await asyncio.gather(*waiting)
    assert [never.rows.tolist(), always.rows.tolist(), second.rows.tolist()] == [[-1, -1], [-1, 0], [-1, 0]]


async def test_the_last_step_again_is_answered_as_it_was() -> None:
    async with running() as engine:
        await named(engine, "a")
        for every, rows in ((2, [-1]), (1, [0]), (0, [-1])):
            answers = await ask(engine, every, ("a", 1.0, 0))
            assert answers.rows.tolist() == rows
        assert answers.repeated.tolist() == [True]


async def test_a_forecast_that_is_not_finite_is_refused_though_nobody_wants_it() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, "a", "b")
        runtime.nan_on = 13.0
        answers = await ask(engine, 0, ("a", 13.0), ("b", 1.0))
        assert codes(answers) == ["non_finite_forecast", None]
        assert (await engine.session("a")).last_step == -1


async def test_gates_come_with_the_forecasts_that_are_wanted() -> None:
    async with running() as engine:
        await named(engine, "a", "b")
        sent = frame(("a", 1.0), ("b", 1.0), ("b", 2.0))
        answers = await engine.observe(replace(sent, every=2, gates=True))
    assert answers.gates is not None
    assert answers.gates.rows.tolist() == answers.rows.tolist() == [-1, -1, 0]
