"""The verdict on each reading: next, repeated, duplicate, conflict, gap, and every way to name a wrong place."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Observations
from service.errors import CannotStream, InvalidTime, SessionExists, TimeRequired, UnknownSession
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import HOUR, NAN, START, alone, codes, column, running, runs, send


async def test_the_next_reading_is_run_and_says_its_step_and_time() -> None:
    async with running() as engine:
        await engine.create("a", START, column(1.0, 2.0))
        answers = await send(engine, ("a", 3.0, 2))
        assert (answers.steps[0], answers.times[0], answers.last_steps[0]) == (2, START + 2 * HOUR, 2)
        assert (answers.repeated[0], answers.keyed[0], answers.durable) == (False, True, "none")


async def test_a_reading_without_step_and_time_is_the_next_one_at_most_once() -> None:
    async with running() as engine:
        await engine.create("a", START, column())
        first, again = await send(engine, ("a", 3.0)), await send(engine, ("a", 3.0))
        assert (first.keyed[0], first.steps[0], again.steps[0]) == (False, 0, 1)


@pytest.mark.parametrize("value", [3.0, NAN])
async def test_the_last_step_again_gets_its_forecast_again_and_advances_nothing(value: float) -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await engine.create("a", START, column(1.0))
        first = await send(engine, ("a", value, 1))
        for place in ((1, None), (None, START + HOUR), (1, START + HOUR)):
            again = await send(engine, ("a", value, *place))
            assert (again.repeated[0], again.steps[0], again.last_steps[0]) == (True, 1, 1)
            np.testing.assert_array_equal(again.quantiles, first.quantiles)
        assert (await engine.session("a")).last_step == 1
        assert all((run.lengths == 0).all() for run in runs(runtime, "sequence")[1:])


async def test_a_repeat_within_one_frame_is_acknowledged_and_forecast() -> None:
    async with running() as engine:
        await engine.create("a", START, column())
        answers = await send(engine, ("a", 1.0, 0), ("a", 1.0, 0), ("a", 2.0, 1), ("a", 2.0, 1))
        assert answers.repeated.tolist() == [False, True, False, True]
        assert answers.rows.tolist() == [-1, -1, -1, 0]
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 2.0])[-1])


async def test_an_older_step_again_is_a_duplicate_that_names_the_last_step() -> None:
    async with running() as engine:
        await engine.create("a", START, column(1.0, NAN, 3.0))
        answers = await send(engine, ("a", NAN, 1), ("a", 1.0, None, START))
        assert codes(answers) == ["duplicate", "duplicate"]
        assert answers.errors[0].facts == {"step": 1, "last_step": 2}
        assert answers.last_steps.tolist() == [2, 2]
        assert answers.steps.tolist() == [-1, -1]


@pytest.mark.parametrize("step", [0, 1, 2])
async def test_a_recorded_step_with_another_value_is_a_conflict(step: int) -> None:
    async with running() as engine:
        await engine.create("a", START, column(1.0, 2.0, 3.0))
        answers = await send(engine, ("a", 9.0, step))
        assert codes(answers) == ["conflict"]
        assert answers.errors[0].facts == {"step": step, "last_step": 2}
        _, forecast = await engine.peek("a")
        np.testing.assert_array_equal(forecast, alone([1.0, 2.0, 3.0])[-1])


async def test_duplicates_and_conflicts_are_seen_within_one_frame_too() -> None:
    async with running() as engine:
        await engine.create("a", START, column(5.0))
        answers = await send(
            engine, ("a", 1.0, 1), ("a", 2.0, 2), ("a", 1.0, 1), ("a", 7.0, 1), ("a", 7.0, 2), ("a", 5.0, 0)
        )
        assert codes(answers) == [None, None, "duplicate", "conflict", "conflict", "duplicate"]


async def test_a_gap_names_the_step_and_the_time_expected() -> None:
    async with running() as engine:
        await engine.create("a", START, column(1.0))
        answers = await send(engine, ("a", 9.0, 3))
        assert codes(answers) == ["gap"]
        assert answers.errors[0].facts == {"expected_step": 1, "expected_ds": "2015-01-10T01:00:00", "last_step": 0}


async def test_after_a_gap_later_readings_that_do_not_follow_are_gaps_and_those_that_do_are_taken() -> None:
    async with running() as engine:
        await engine.create("a", START, column(0.0))
        answers = await send(engine, ("a", 1.0, 1), ("a", 3.0, 3), ("a", 4.0, 4), ("a", 2.0, 2), ("a", 3.0, 3))
        assert codes(answers) == [None, "gap", "gap", None, None]
        assert answers.steps.tolist() == [1, -1, -1, 2, 3]
        np.testing.assert_array_equal(answers.quantiles[0], alone([0.0, 1.0, 2.0, 3.0])[-1])


async def test_an_error_does_not_disturb_its_neighbours() -> None:
    async with running() as engine:
        for name in "abc":
            await engine.create(name, START, column())
        answers = await send(
            engine, ("a", 1.0), ("nobody", 1.0), ("b", 1e16), ("b", 1.0), ("a", 9.0, 7), ("c", 1.0, None, START + 7)
        )
        assert codes(answers) == [None, "unknown_session", "invalid_value", None, "gap", "off_grid"]
        assert answers.last_steps.tolist() == [0, -1, 0, 0, 0, -1]
        assert answers.rows.tolist() == [0, -1, -1, 1, -1, -1]


async def test_a_time_off_the_grid_is_shown_its_neighbours() -> None:
    async with running() as engine:
        await engine.create("a", START, column())
        answers = await send(engine, ("a", 1.0, None, START + HOUR + 60), ("a", 1.0, None, START - HOUR))
        assert codes(answers) == ["off_grid", "off_grid"]
        assert answers.errors[0].facts["nearest"] == ["2015-01-10T01:00:00", "2015-01-10T02:00:00"]
        assert answers.errors[1].facts["nearest"] == ["2015-01-10T00:00:00"]


async def test_step_and_time_that_disagree_are_a_mismatch() -> None:
    async with running() as engine:
        await engine.create("a", START, column())
        answers = await send(engine, ("a", 1.0, 0, START + HOUR), ("a", 1.0, 0, START))
        assert codes(answers) == ["step_mismatch", None]
        assert answers.errors[0].facts == {"step": 0, "step_of_ds": 1}


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 1.1e15, -1e300])
async def test_infinite_and_absurd_values_never_reach_the_queue(value: float) -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await engine.create("a", START, column())
        assert codes(await send(engine, ("a", value))) == ["invalid_value"]
        assert (await engine.session("a")).last_step == -1
        assert len(runtime.log) == 0


@pytest.mark.parametrize(
    ("step", "time", "code"),
    [(-2, None, "invalid_value"), (2**60, None, "invalid_time"), (None, 2**60, "invalid_time")],
)
async def test_absurd_places_are_refused(step: int | None, time: int | None, code: str) -> None:
    async with running() as engine:
        await engine.create("a", START, column())
        assert codes(await send(engine, ("a", 1.0, step, time))) == [code]


async def test_the_first_time_starts_a_session_that_was_created_without_one() -> None:
    async with running() as engine:
        view = await engine.create("a", None, column())
        assert (view.start, view.last_step, view.last_time) == (None, -1, None)
        answers = await send(engine, ("a", 1.0), ("a", 1.0, None, START + 7), ("a", 2.0, 1), ("a", 3.0))
        assert codes(answers) == ["time_required", None, None, None]
        view = await engine.session("a")
        assert (view.start, view.last_step, view.last_time) == (START + 7, 2, START + 7 + 2 * HOUR)
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 2.0, 3.0], START + 7)[-1])
        assert codes(await send(engine, ("a", 4.0, None, START + 7 + 3 * HOUR))) == [None]


async def test_a_first_reading_that_is_refused_leaves_the_session_without_a_start() -> None:
    runtime = FakeRuntime(fake_bundle())
    runtime.nan_on = 13.0
    async with running(runtime) as engine:
        await engine.create("a", None, column())
        assert codes(await send(engine, ("a", 13.0, None, START))) == ["non_finite_forecast"]
        assert codes(await send(engine, ("a", 1.0, 4, START))) == ["gap"]
        assert (await engine.session("a")).start is None
        assert codes(await send(engine, ("a", 1.0, None, START + 60))) == [None]
        assert (await engine.session("a")).start == START + 60


async def test_creating_again_finds_the_session_and_another_history_does_not() -> None:
    async with running() as engine:
        made = await engine.create("a", START, column(1.0, NAN))
        assert (made.created, made.revision, made.last_step, made.last_time) == (True, 1, 1, START + HOUR)
        await send(engine, ("a", 5.0))
        again = await engine.create("a", START, column(1.0, NAN))
        assert (again.created, again.revision, again.last_step) == (False, 1, 2)
        for start, values in ((START, column(1.0, 2.0)), (START + HOUR, column(1.0, NAN)), (START, column())):
            with pytest.raises(SessionExists) as refused:
                await engine.create("a", start, values)
            assert refused.value.facts == {"last_step": 2, "revision": 1}


async def test_replacing_starts_anew_under_the_next_revision() -> None:
    async with running() as engine:
        await engine.create("a", START, column(1.0))
        await send(engine, ("a", 2.0))
        view = await engine.create("a", START, column(7.0, 8.0), replace=True)
        assert (view.created, view.revision, view.last_step) == (True, 2, 1)
        answers = await send(engine, ("a", 9.0, 2))
        np.testing.assert_array_equal(answers.quantiles[0], alone([7.0, 8.0, 9.0])[-1])
        anew = await engine.create("a", START, column(7.0, 8.0), replace=True)
        assert (anew.created, anew.revision, anew.last_step) == (True, 3, 1)


async def test_two_who_create_one_session_at_once_get_one_session() -> None:
    async with running() as engine:
        views = await asyncio.gather(*(engine.create("a", START, column(1.0, 2.0)) for _ in range(3)))
        assert sorted(view.created for view in views) == [False, False, True]
        assert {view.revision for view in views} == {1}


async def test_a_deleted_session_is_unknown_and_its_name_is_free() -> None:
    async with running() as engine:
        await engine.create("a", START, column(1.0))
        await engine.delete("a")
        for call in (engine.session("a"), engine.peek("a"), engine.delete("a")):
            with pytest.raises(UnknownSession):
                await call
        assert codes(await send(engine, ("a", 2.0))) == ["unknown_session"]
        assert (await engine.create("a", START, column())).created
        answers = await send(engine, ("a", 2.0))
        np.testing.assert_array_equal(answers.quantiles[0], alone([2.0])[-1])


async def test_a_history_needs_a_time_and_a_start_must_be_one() -> None:
    async with running() as engine:
        with pytest.raises(TimeRequired):
            await engine.create("a", None, column(1.0))
        with pytest.raises(InvalidTime):
            await engine.create("a", 2**60, column())


async def test_a_bundle_that_cannot_stream_says_so() -> None:
    async with running(FakeRuntime(fake_bundle(streams=False))) as engine:
        for call in (engine.create("a", START, column()), engine.peek("a"), send(engine, ("a", 1.0))):
            with pytest.raises(CannotStream):
                await call


async def test_values_of_another_width_are_a_mistake_of_the_caller() -> None:
    async with running() as engine:
        wide = Observations(["a"], np.array([0]), np.array([0]), np.zeros((1, 2)))
        with pytest.raises(ValueError, match="shape"):
            await engine.observe(wide)


ITEMS = st.tuples(
    st.sampled_from(["a", "b", "c", "nobody"]),
    st.sampled_from([1.0, 2.0, NAN, 1e300]),
    st.one_of(st.none(), st.integers(0, 6)),
    st.one_of(st.none(), st.integers(-1, 6)),
)


def judged(recorded: dict[str, list[float]], name: str, value: float, step: int | None, at: int | None) -> str | int:
    """The step that a reading gets, "again", or its error, by the rules read out one by one."""
    if value == 1e300:
        return "invalid_value"
    if name not in recorded:
        return "unknown_session"
    if at is not None and at < 0:
        return "off_grid"
    if step is not None and at is not None and step != at:
        return "step_mismatch"
    known = recorded[name]
    wanted = step if step is not None else len(known) if at is None else at
    if wanted > len(known):
        return "gap"
    if wanted == len(known):
        known.append(value)
        return wanted
    if not np.array_equal(known[wanted], value, equal_nan=True):
        return "conflict"
    return "again" if wanted == len(known) - 1 else "duplicate"


@settings(max_examples=60, deadline=None)
@given(frames=st.lists(st.lists(ITEMS, min_size=1, max_size=12), min_size=1, max_size=5))
def test_every_frame_is_judged_by_the_rules_read_out_one_by_one(frames: list[list[tuple]]) -> None:
    async def play() -> None:
        recorded: dict[str, list[float]] = {"a": [], "b": [1.0, 2.0], "c": [NAN]}
        async with running() as engine:
            for name, values in recorded.items():
                await engine.create(name, START, column(*values))
            for items in frames:
                timed = [(*item, None if at is None else START + at * HOUR) for *item, at in items]
                verdicts = [judged(recorded, *item) for item in items]
                answers = await send(engine, *timed)
                assert codes(answers) == [
                    None if verdict == "again" or isinstance(verdict, int) else verdict for verdict in verdicts
                ]
                assert answers.repeated.tolist() == [verdict == "again" for verdict in verdicts]
                for verdict, step in zip(verdicts, answers.steps.tolist(), strict=True):
                    assert step == verdict or not isinstance(verdict, int)
                newest = {name: at for at, (name, *_) in enumerate(items) if answers.errors[at] is None}
                assert np.flatnonzero(answers.rows >= 0).tolist() == sorted(newest.values())
                for name, at in newest.items():
                    truth = alone(recorded[name])[-1]
                    np.testing.assert_array_equal(answers.quantiles[answers.rows[at]], truth)
                    assert answers.last_steps[at] == len(recorded[name]) - 1

    asyncio.run(play())
