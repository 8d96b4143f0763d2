"""How much may enter as missing, and who waits for it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from service.engine import Answers
from service.errors import Overloaded
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    NAN,
    Watcher,
    alone,
    blocked,
    codes,
    named,
    running,
    send,
)
from tests.service.test_engine_gaps import fill


async def test_more_steps_than_may_enter_before_a_reading_are_a_gap_with_the_limit() -> None:
    async with running(gap_steps=3) as engine:
        await named(engine, "a", "b")
        answers = await fill(engine, ("a", 1.0, 4), ("b", 1.0, 3))
        assert codes(answers) == ["gap", None]
        error = answers.errors[0]
        assert error is not None
        assert error.facts["limit"] == 3
        assert error.facts["expected_step"] == 0
        assert "replace=true" in error.message


@pytest.mark.parametrize("most", [4, 1024])
async def test_the_steps_that_enter_in_one_frame_are_bounded(most: int) -> None:
    async with running(max_waiting=20, max_batch=most) as engine:
        await named(engine, "a", "b", "c")
        answers = await fill(engine, ("a", 1.0, 6), ("b", 1.0, 6), ("c", 1.0, 4))
        assert codes(answers) == [None, "gap", None]
        assert answers.errors[1].facts["limit"] == 10  # type: ignore[union-attr]
        assert engine.waiting == (0, 0)


async def test_steps_that_enter_take_room_of_those_that_wait_and_give_it_back() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_waiting=20) as engine:
        await named(engine, "a", "b")
        runtime.gate.clear()
        filling = asyncio.create_task(fill(engine, ("a", 1.0, 9)))
        await blocked(runtime)
        assert engine.waiting[0] == 10
        with pytest.raises(Overloaded):
            await send(engine, *(("b", 1.0) for _ in range(11)))
        runtime.gate.set()
        assert codes(await filling) == [None]
        await asyncio.sleep(0)
        assert engine.waiting == (0, 0)


async def test_where_there_is_no_room_now_the_reading_is_to_come_again() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_waiting=20) as engine:
        await named(engine, "a", "b", "first")
        runtime.gate.clear()
        first = asyncio.create_task(send(engine, ("first", 1.0)))
        await blocked(runtime)
        both = asyncio.gather(fill(engine, ("a", 1.0, 9)), fill(engine, ("b", 1.0, 9)))
        await asyncio.sleep(0)
        runtime.gate.set()
        assert codes(await first) == [None]
        assert [codes(each) for each in await both] == [[None], ["overloaded"]]
        assert codes(await fill(engine, ("b", 2.0, 10))) == ["gap"]  # the place of the one before is kept for it
        assert codes(await fill(engine, ("b", 1.0, 9), ("b", 2.0, 10))) == [None, None]


async def test_a_long_gap_lets_others_pass() -> None:
    observer = Watcher()
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, observer=observer, max_batch=8) as engine:
        await named(engine, "first", "a", "b")
        runtime.gate.clear()
        opened = asyncio.create_task(send(engine, ("first", 1.0)))
        await blocked(runtime)
        order: list[str] = []

        async def noted(name: str, asked: asyncio.Task[Answers]) -> Answers:
            answers = await asked
            order.append(name)
            return answers

        long = asyncio.create_task(noted("long", asyncio.create_task(fill(engine, ("a", 1.0, 100)))))
        await asyncio.sleep(0)
        short = asyncio.create_task(noted("short", asyncio.create_task(send(engine, ("b", 1.0)))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        runtime.gate.set()
        await asyncio.gather(opened, long, short)
        assert order == ["short", "long"]
        np.testing.assert_array_equal((await long).quantiles[0], alone([NAN] * 100 + [1.0])[-1])
        assert max(readings for readings, _ in observer.batches) <= 8


async def test_frames_of_one_session_keep_their_order_around_a_gap_that_is_cut() -> None:
    async with running(max_batch=3) as engine:
        await named(engine, "a", "b")
        asked = [fill(engine, ("a", 1.0, 0)), fill(engine, ("a", 2.0, 10), ("b", 1.0, 7)), fill(engine, ("a", 3.0, 11))]
        answers = await asyncio.gather(*asked, fill(engine, ("a", 4.0, 20)))
        assert [codes(each) for each in answers] == [[None], [None, None], [None], [None]]
        truth = alone([1.0, *[NAN] * 9, 2.0, 3.0, *[NAN] * 8, 4.0])
        np.testing.assert_array_equal(answers[3].quantiles[0], truth[-1])
