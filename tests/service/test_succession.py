"""A new model under live traffic: it is brought up beside the old one, takes its place, and gives it back."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from service.engine import Engine
from service.frames import History
from service.refusals import (
    NoRollback,
)
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    HOUR,
    START,
    Clock,
    Watcher,
    codes,
    column,
    memory,
    named,
    running,
    send,
    turn,
)  # fmt: skip
from tests.service.succession import deploy, expected, new, old


def wave(count: int, seed: int = 0) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).normal(10, 3, count).round(3)]


async def streamed(engine: Engine, name: str, values: list[float]) -> np.ndarray:
    """The forecast after the last of these readings, sent one by one."""
    for value in values:
        answers = await send(engine, (name, value))
        assert codes(answers) == [None]
    return answers.quantiles[0]


async def test_a_promoted_model_answers_as_if_it_had_served_from_the_first_reading() -> None:
    values = wave(12)
    async with running(old()) as engine:
        await named(engine, "a")
        np.testing.assert_array_equal(await streamed(engine, "a", values[:6]), expected(old(), values[:6])[-1])
        await deploy(engine, new())
        np.testing.assert_array_equal(await streamed(engine, "a", values[6:9]), expected(old(), values[:9])[-1])
        await engine.models.promote()
        np.testing.assert_array_equal(await streamed(engine, "a", values[9:]), expected(new(), values)[-1])
        assert engine.runtime.bundle.manifest.name == "new"


async def test_at_the_switch_nothing_is_replayed_of_a_session_that_is_live() -> None:
    watcher, values = Watcher(), wave(8)
    async with running(old(), observer=watcher) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:6])
        watcher.rebuilds.clear()  # which are those that the stream waited for
        await deploy(engine, new())
        await streamed(engine, "a", values[6:7])
        await engine.models.promote()
        await streamed(engine, "a", values[7:])
        assert watcher.rebuilds == []


async def test_a_session_that_is_not_at_hand_comes_back_with_the_new_model() -> None:
    values, others = wave(6), wave(5, seed=1)
    async with running(old(), max_resident=1) as engine:
        await named(engine, "a", "b")
        await streamed(engine, "a", values[:5])
        await streamed(engine, "b", others)  # which puts the other out
        await deploy(engine, new())
        await engine.models.promote()
        np.testing.assert_array_equal(await streamed(engine, "a", values[5:]), expected(new(), values)[-1])


async def test_a_long_history_is_rebuilt_chunk_by_chunk_while_readings_go_on() -> None:
    values = wave(300)
    async with running(old(), chunk=16) as engine:
        await engine.create("a", START, column(*values[:200]))
        candidate = new()
        await engine.models.follow(candidate)
        for value in values[200:]:
            await send(engine, ("a", value))
        await asyncio.wait_for(engine.models.level(), 30)
        assert max(run.time for run in candidate.log) <= 16
        await engine.models.promote()
        assert (await engine.peek("a"))[1].tolist() == expected(new(), values)[-1].tolist()


async def test_what_was_put_aside_for_a_late_state_is_answered_by_the_model_that_takes_over() -> None:
    values, journal = wave(2_001), memory()
    async with running(FakeRuntime(fake_bundle(name="older")), journal) as engine:
        await engine.create("a", START, column(*values[:2_000]))
    async with running(old(), journal, chunk=4) as engine:
        await deploy(engine, new())
        asked = asyncio.ensure_future(send(engine, ("a", values[2_000])))
        await turn(engine)
        await engine.models.promote()
        assert not asked.done()
        answers = await asyncio.wait_for(asked, 30)
        assert codes(answers) == [None]
        assert answers.quantiles[0].tolist() == expected(new(), values)[-1].tolist()


async def test_a_session_that_is_still_on_its_way_at_the_switch_is_asked_of_the_journal() -> None:
    values = wave(2_003)
    async with running(old(), chunk=4, max_resident=1) as engine:
        await engine.create("a", START, column(*values[:2_000]))
        await deploy(engine, new())
        await named(engine, "b")
        await streamed(engine, "b", [1.0])  # which puts the other out, in both models
        await streamed(engine, "a", values[2_000:2_002])
        assert engine.follower is not None
        assert engine.follower.left == 1
        await engine.models.promote()
        np.testing.assert_array_equal(await streamed(engine, "a", values[2_002:]), expected(new(), values)[-1])


async def test_a_session_that_is_made_anew_across_the_switch_goes_on_from_there() -> None:
    values, again = wave(5), wave(2_002, seed=4)
    async with running(old(), chunk=4) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values)
        await deploy(engine, new())
        made = asyncio.ensure_future(engine.create("a", START, column(*again[:2_000]), replace=True))
        await asyncio.sleep(0)
        await engine.models.promote()
        assert not made.done()
        assert codes(await send(engine, ("a", 1.0))) == [None]  # of the session that was
        assert (await asyncio.wait_for(made, 30)).revision == 2
        np.testing.assert_array_equal(
            await streamed(engine, "a", again[2_000:2_001]), expected(new(), again[:2_001])[-1]
        )
        await engine.models.rollback()
        np.testing.assert_array_equal(await streamed(engine, "a", again[2_001:]), expected(old(), again)[-1])


async def test_a_model_that_is_let_go_still_answers_the_histories_that_it_was_given() -> None:
    values = wave(2_000)
    async with running(old(), chunk=4) as engine:
        await deploy(engine, new())
        history = History(np.array(values)[:, None], START + HOUR * np.arange(2_000))
        asked = asyncio.ensure_future(engine.forecast([history]))
        await asyncio.sleep(0)
        await engine.models.promote()
        await engine.models.dismiss()
        assert not asked.done()
        np.testing.assert_array_equal((await asyncio.wait_for(asked, 30))[0], expected(old(), values)[-1])


async def test_the_model_before_is_back_at_once_and_answers_as_if_it_had_never_gone() -> None:
    watcher, values = Watcher(), wave(12)
    async with running(old(), observer=watcher) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:4])
        watcher.rebuilds.clear()
        await deploy(engine, new())
        await engine.models.promote()
        await streamed(engine, "a", values[4:8])
        await engine.models.rollback()
        np.testing.assert_array_equal(await streamed(engine, "a", values[8:]), expected(old(), values)[-1])
        assert watcher.rebuilds == []
        assert engine.follower is None
        with pytest.raises(NoRollback):
            await engine.models.rollback()


async def test_sessions_that_are_made_after_the_promotion_are_known_to_the_model_before() -> None:
    values = wave(6)
    async with running(old()) as engine:
        await deploy(engine, new())
        await engine.models.promote()
        await engine.create("late", START, column(*values[:3]))
        await streamed(engine, "late", values[3:5])
        await engine.models.rollback()
        np.testing.assert_array_equal(await streamed(engine, "late", values[5:]), expected(old(), values)[-1])


async def test_after_its_time_the_model_before_is_let_go() -> None:
    clock = Clock()
    async with running(old(), clock=clock, rollback_seconds=60) as engine:
        await deploy(engine, new())
        await engine.models.promote()
        await turn(engine)
        assert engine.follower is not None
        clock.now = 60.0
        await turn(engine)
        await turn(engine)
        assert engine.follower is None
