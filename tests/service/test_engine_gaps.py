"""Steps that were left out enter as missing where a frame asks for it, exactly as if they had been sent so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import NO_TIME, Answers, Engine
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    HOUR,
    NAN,
    START,
    Item,
    alone,
    blocked,
    codes,
    column,
    frame,
    memory,
    named,
    running,
    send,
)
from tests.service.gaps import Both, Sent, frames, same

NAMES = "abcd"  # of which the first is watched, the third has no start, and the last has a history
VALUES = st.one_of(st.just(NAN), st.floats(-9, 9, width=16))
SENT = st.builds(
    Sent,
    name=st.sampled_from(NAMES),
    skip=st.sampled_from([0, 0, 0, 1, 2, 9]),
    value=VALUES,
    key=st.sampled_from(["step", "time", "both", "plain"]),
)


async def fill(engine: Engine, *items: Item) -> Answers:
    return await engine.observe(replace(frame(*items), fill=True))


async def make(engine: Engine) -> None:
    await engine.create("a", START, column(), regime=True)
    await engine.create("b", START, column())
    await engine.create("c", None, column())
    await engine.create("d", START, column(1.0, 2.0))


async def stories(
    made: list[Both], lives: int, together: int, left_out: bool, **bounds: int
) -> tuple[list[Answers], list[object]]:
    """The answers to all frames, over several lives of an engine, and what the sessions are after them.

    Each life has a model of another name, so that states are replayed.
    """
    journal, answers, ends = memory(), [], []
    size = -(-len(made) // lives)
    for life in range(lives):
        async with running(FakeRuntime(fake_bundle(name=f"life {life}")), journal=journal, **bounds) as engine:
            if life == 0:
                await make(engine)
            mine = made[life * size : (life + 1) * size]
            for first in range(0, len(mine), together):
                some = mine[first : first + together]
                answers += await asyncio.gather(
                    *(engine.observe(each.left_out if left_out else each.written_out) for each in some)
                )
            if life == lives - 1:
                for name in NAMES:
                    view = await engine.session(name)
                    ends.append((view.start, view.last_step))
                    ends.append([] if view.last_step < 0 else (await engine.peek(name))[1].tolist())
                    head = journal.head(name)
                    assert head is not None
                    ends.append(repr(journal.readings(head.key, 0, view.last_step).tolist()))
                seen = (await engine.regime("a"))[1].tolist() if (await engine.session("a")).last_step >= 0 else []
                ends.append(repr(seen))
    return answers, ends


@settings(max_examples=40, deadline=None)
@given(
    batches=st.lists(st.lists(SENT, min_size=1, max_size=6), min_size=1, max_size=6),
    every=st.sampled_from([0, 1, 1, 3]),
    lives=st.integers(1, 3),
    together=st.integers(1, 3),
    most=st.sampled_from([1, 2, 5, 40, 1024]),
    resident=st.sampled_from([2, 64]),
    chunk=st.sampled_from([4, 256]),
)
def test_all_is_as_if_the_steps_had_been_sent_as_missing(
    batches: list[list[Sent]], every: int, lives: int, together: int, most: int, resident: int, chunk: int
) -> None:
    made = [each.with_every(every) for each in frames(batches, {"a": -1, "b": -1, "c": -2, "d": 1})]
    bounds = {"max_batch": most, "max_resident": resident, "chunk": chunk}
    found, ends = asyncio.run(stories(made, lives, together, True, **bounds))
    expected, ends_written_out = asyncio.run(stories(made, 1, 1, False))
    assert ends == ends_written_out
    for answers, each, wanted in zip(found, made, expected, strict=True):
        if together == 1:  # those that wait together share forecasts
            same(answers, each, wanted)
        np.testing.assert_array_equal(answers.steps, wanted.steps[~each.added])
        filled = np.zeros(len(answers.steps)) if answers.filled is None else answers.filled
        assert filled.tolist() == each.filled


@settings(max_examples=15, deadline=None)
@given(
    batches=st.lists(st.lists(SENT, min_size=1, max_size=6), min_size=1, max_size=4),
    most=st.sampled_from([1, 3, 1024]),
)
def test_a_frame_that_is_sent_again_changes_nothing_and_fills_nothing(batches: list[list[Sent]], most: int) -> None:
    keyed = [[replace(each, key="step") for each in batch] for batch in batches]
    made = frames(keyed, {"a": -1, "b": -1, "c": -2, "d": 1})
    twice = [each for both in made for each in (both, both)]
    found, ends = asyncio.run(stories(twice, 1, 1, True, max_batch=most))
    expected, ends_written_out = asyncio.run(stories(twice, 1, 1, False))
    assert ends == ends_written_out
    for at, (answers, each, wanted) in enumerate(zip(found, twice, expected, strict=True)):
        same(answers, each, wanted)
        assert at % 2 == 0 or answers.filled is None


async def test_a_reading_behind_a_gap_says_how_many_steps_entered_as_missing() -> None:
    async with running() as engine:
        await named(engine, "a", "b")
        answers = await fill(engine, ("a", 1.0, 0), ("b", 5.0, 2), ("a", 2.0, 3), ("a", 3.0, 4))
        assert codes(answers) == [None] * 4
        assert answers.filled is not None
        assert answers.filled.tolist() == [0, 2, 2, 0]
        assert answers.steps.tolist() == [0, 2, 3, 4]
        np.testing.assert_array_equal(answers.quantiles[answers.rows[3]], alone([1.0, NAN, NAN, 2.0, 3.0])[-1])
        np.testing.assert_array_equal(answers.quantiles[answers.rows[1]], alone([NAN, NAN, 5.0])[-1])


async def test_a_filled_gap_and_its_reading_are_one_append() -> None:
    journal = memory()
    appends: list[int] = []
    append = journal.append
    journal.append = lambda readings: (appends.append(len(readings.steps)), append(readings))[1]  # type: ignore[method-assign]
    async with running(journal=journal) as engine:
        await named(engine, "a")
        await fill(engine, ("a", 1.0, 9))
    assert appends == [10]


async def test_without_the_option_a_gap_is_refused_beside_one_that_is_filled() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, "a", "b", "first")
        runtime.gate.clear()
        opened = asyncio.create_task(send(engine, ("first", 1.0)))
        await blocked(runtime)
        both = asyncio.gather(send(engine, ("a", 1.0, 4)), fill(engine, ("b", 1.0, 4)))
        await asyncio.sleep(0)
        runtime.gate.set()
        await opened
        refused, filled = await both
        assert codes(refused) == ["gap"]
        assert "limit" not in refused.errors[0].facts  # type: ignore[union-attr]
        assert codes(filled) == [None]


async def test_a_reading_for_a_filled_step_is_a_conflict_that_points_to_corrections() -> None:
    async with running() as engine:
        await named(engine, "a")
        await fill(engine, ("a", 1.0, 3))
        answers = await fill(engine, ("a", 7.0, 1))
        assert codes(answers) == ["conflict"]
        assert "as missing" in answers.errors[0].message  # type: ignore[union-attr]
        assert "corrections" in answers.errors[0].message  # type: ignore[union-attr]
        assert codes(await fill(engine, ("a", NAN, 1))) == ["duplicate"]


async def test_the_first_reading_of_a_session_without_a_start_sets_it_and_is_step_0() -> None:
    async with running() as engine:
        for name in "ab":
            await engine.create(name, None, column())
        assert codes(await fill(engine, ("a", 1.0, 3))) == ["time_required"]
        assert codes(await fill(engine, ("a", 1.0, 3, START + 3 * HOUR))) == ["gap"]
        answers = await fill(engine, ("b", 1.0, None, START), ("b", 2.0, None, START + 4 * HOUR))
        assert answers.steps.tolist() == [0, 4]


async def test_months_are_filled_by_their_number() -> None:
    months = FakeRuntime(fake_bundle(frequency="1mo"))
    async with running(months) as engine:
        await named(engine, "a")  # 10 January
        april = START + (31 + 28 + 31) * 24 * HOUR
        answers = await fill(engine, ("a", 1.0, None, START), ("a", 2.0, None, april))
        assert codes(answers) == [None, None]
        assert answers.steps.tolist() == [0, 3]
        assert answers.times.tolist() == [START, april]


async def test_a_step_beyond_the_calendar_is_refused_and_nothing_enters() -> None:
    async with running(gap_steps=10**9, max_waiting=2 * 10**9) as engine:
        await named(engine, "a")
        assert codes(await fill(engine, ("a", 1.0, 10**8))) == ["invalid_time"]
        assert (await engine.session("a")).last_step == -1


async def test_what_came_without_a_place_has_no_gap() -> None:
    async with running() as engine:
        await named(engine, "a")
        answers = await fill(engine, ("a", 1.0), ("a", 2.0))
        assert answers.filled is None
        assert answers.times.min() > NO_TIME
