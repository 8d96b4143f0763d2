"""Steps that were left out enter as missing where a frame asks for it, exactly as if they had been sent so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import NO_TIME, Answers, Engine
from service.errors import Overloaded
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    HOUR,
    NAN,
    START,
    Item,
    Watcher,
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
from tests.service.knowing import WIDTH, expected, future, observe, runtime

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


async def test_what_the_service_failed_to_record_is_not_filled_over_in_the_same_frame() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_batch=2) as engine:
        await named(engine, "a")
        runtime.raise_on = 13.0
        answers = await fill(engine, ("a", 1.0, 0), ("a", 13.0, 1), ("a", 2.0, 2), ("a", 3.0, 3))
        assert codes(answers) == ["model_failed", "model_failed", "gap", "gap"]
        runtime.raise_on = None
        again = await fill(engine, ("a", 1.0, 0), ("a", 13.0, 1), ("a", 2.0, 2), ("a", 3.0, 3))
        assert codes(again) == [None] * 4
        assert again.filled is None


async def test_a_frame_that_found_no_room_is_not_filled_over_by_the_next_one() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_waiting=20) as engine:
        await named(engine, "a", "b")
        runtime.gate.clear()
        first = asyncio.create_task(fill(engine, ("a", 1.0, None, START)))
        await blocked(runtime)
        others = [asyncio.create_task(send(engine, *(("b", 1.0) for _ in range(17))))]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await fill(engine, *(("a", float(step), None, START + step * HOUR) for step in range(1, 4)))
        later = asyncio.create_task(fill(engine, ("a", 4.0, None, START + 4 * HOUR)))
        await asyncio.sleep(0)
        runtime.gate.set()
        assert [codes(await each) for each in (first, *others)] == [[None], [None] * 17]
        assert codes(await later) == ["gap"]
        for step in range(1, 5):
            answers = await fill(engine, ("a", float(step), None, START + step * HOUR))
            assert codes(answers) == [None]
            assert answers.filled is None
        assert codes(await fill(engine, ("a", 9.0, 7))) == [None]  # nothing is owed any more


async def test_a_gap_after_which_the_forecast_is_not_finite_says_so_and_enters_again_with_the_next() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, "a")
        runtime.nan_on = 13.0
        answers = await fill(engine, ("a", 1.0, 2), ("a", 13.0, 5))
        assert codes(answers) == [None, "non_finite_forecast"]
        assert answers.filled is not None
        assert answers.filled[0] == 2


async def test_a_session_that_is_deleted_while_its_gap_is_worked_off_is_unknown() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_batch=4) as engine:
        await named(engine, "a")
        runtime.gate.clear()
        filling = asyncio.create_task(fill(engine, ("a", 1.0, 10)))
        await blocked(runtime)
        deleting = asyncio.create_task(engine.delete("a"))
        await asyncio.sleep(0)
        runtime.gate.set()
        await deleting
        assert codes(await filling) == ["unknown_session"]


async def test_a_wrong_reading_of_the_frame_stays_in_its_place() -> None:
    async with running() as engine:
        await named(engine, "a")
        answers = await fill(engine, ("a", 1.0, 3), ("a", 1e300, 4), ("a", 2.0, 6))
        assert codes(answers) == [None, "invalid_value", None]
        assert answers.filled is not None
        assert answers.filled.tolist() == [3, 0, 2]


async def test_gates_asked_for_are_those_of_the_reading_behind_the_gap() -> None:
    async with running() as engine:
        await named(engine, "a")
        answers = await engine.observe(replace(frame(("a", 1.0, 0), ("a", 2.0, 4)), fill=True, gates=True))
        assert answers.gates is not None
        assert answers.gates.rows.tolist() == [-1, 0]


async def test_of_a_model_with_covariates_all_of_them_are_missing_and_the_future_is_that_of_the_reading() -> None:
    model = runtime()
    async with running(model) as engine:
        await engine.create("a", START, np.zeros((0, WIDTH)), static=np.array([1.0, 2.0]))
        ahead = future(4, 5, 6)
        answers = await observe(engine, ("a", [1.0, 2.0, 3.0], 0, None), ("a", [4.0, 5.0, 6.0], 3, ahead), fill=True)
        assert codes(answers) == [None, None]
        values = np.array([[1.0, 2.0, 3.0], [NAN] * WIDTH, [NAN] * WIDTH, [4.0, 5.0, 6.0]])
        np.testing.assert_array_equal(answers.quantiles[0], expected(values, np.array([1.0, 2.0]), ahead, model))
        assert answers.rows.tolist() == [-1, 0]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_fails_on_the_way_no_reading_that_comes_again_finds_its_place_filled(data: st.DataObject) -> None:
    skips = data.draw(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), min_size=1, max_size=20))
    keys = data.draw(st.sampled_from(["step", "time"]))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    faults = data.draw(st.lists(st.integers(0, len(skips)), max_size=4))
    bounds = {"max_batch": data.draw(st.sampled_from([1, 2, 64])), "max_waiting": data.draw(st.sampled_from([8, 64]))}
    asyncio.run(_resent(skips, keys, sizes, faults, bounds))


async def _resent(
    skips: list[tuple[str, int]], key: str, sizes: list[int], faults: list[int], bounds: dict[str, int]
) -> None:
    """Sends all at once, and what was not acknowledged again, all in order; while `faults` last the model fails."""
    stand, waiting, truth = {"a": -1, "b": -1}, [], {"a": [], "b": []}  # type: ignore[var-annotated]
    for at, (name, skip) in enumerate(skips):
        stand[name] += skip + 1
        truth[name] += [NAN] * skip + [float(at)]
        named_by = (stand[name], None) if key == "step" else (None, START + stand[name] * HOUR)
        waiting.append((name, float(at), *named_by))
    model = FakeRuntime(fake_bundle())
    async with running(model, **bounds) as engine:
        await named(engine, "a", "b")
        for fault in [*faults, *[None] * (2 * len(skips) + 1)]:
            model.raise_on = fault
            cuts, first = [], 0
            for size in sizes * len(waiting):
                cuts.append(waiting[first : first + size])
                first += size
            asked = [each for each in cuts if each]
            answered = await asyncio.gather(*(fill(engine, *each) for each in asked), return_exceptions=True)
            waiting = []
            for items, answers in zip(asked, answered, strict=True):
                if isinstance(answers, Answers):
                    outcomes = zip(items, codes(answers), strict=True)
                    waiting += [item for item, code in outcomes if code not in (None, "duplicate")]
                    assert "conflict" not in codes(answers)
                else:
                    assert isinstance(answers, Overloaded)
                    waiting += items
            if not waiting:
                break
        assert not waiting
        for name, values in truth.items():
            if values:
                np.testing.assert_array_equal((await engine.peek(name))[1], alone(values)[-1])
                assert (await engine.session(name)).last_step == len(values) - 1


async def test_what_came_without_a_place_has_no_gap() -> None:
    async with running() as engine:
        await named(engine, "a")
        answers = await fill(engine, ("a", 1.0), ("a", 2.0))
        assert answers.filled is None
        assert answers.times.min() > NO_TIME
