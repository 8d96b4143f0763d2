"""What was refused behind a gap, or failed on the way, is not filled over."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Answers
from service.errors import Overloaded
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    HOUR,
    NAN,
    START,
    alone,
    blocked,
    codes,
    frame,
    named,
    running,
    send,
)
from tests.service.knowing import WIDTH, expected, future, observe, runtime
from tests.service.test_engine_gaps import fill


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
