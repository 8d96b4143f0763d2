"""A frame that is worked off in several batches is answered as if it had been one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.attached import Attached
from service.engine import Answers
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import START, codes, column, frame, running, send
from tests.service.knowing import WIDTH, future, observe, runtime

NAMES = "abcd"  # of which the first two are watched


async def answered(items: list[tuple[str, float, int | None]], most: int, gates: bool) -> Answers:
    async with running(FakeRuntime(fake_bundle()), max_batch=most) as engine:
        for name in NAMES:
            await engine.create(name, START, column(1.0), regime=name in "ab")
        return await engine.observe(replace(frame(*items), gates=gates))


def same(split: Attached | None, whole: Attached | None) -> None:
    none = np.array([], np.int64)
    found, expected = (none if each is None else np.flatnonzero(each.rows >= 0) for each in (split, whole))
    np.testing.assert_array_equal(found, expected)
    if split is not None and whole is not None:
        np.testing.assert_array_equal(split.values[split.rows[found]], whole.values[whole.rows[expected]])
        assert len(split.values) == len(found)


@settings(max_examples=40, deadline=None)
@given(
    items=st.lists(
        st.tuples(st.sampled_from(NAMES), st.floats(-9, 9, width=16), st.sampled_from([None, None, None, 999])),
        min_size=1,
        max_size=30,
    ),
    most=st.sampled_from([1, 2, 5, 36]),
    gates=st.booleans(),
)
def test_it_carries_forecasts_gates_and_regimes_where_one_batch_would(
    items: list[tuple[str, float, int | None]], most: int, gates: bool
) -> None:
    split, whole = (asyncio.run(answered(items, limit, gates)) for limit in (most, 100_000))
    assert codes(split) == codes(whole)
    np.testing.assert_array_equal(split.steps, whole.steps)
    same(Attached(split.rows, split.quantiles), Attached(whole.rows, whole.quantiles))
    same(split.gates, whole.gates)
    same(split.regimes, whole.regimes)


@pytest.mark.parametrize("most", [2, 100])
async def test_an_older_forecast_does_not_stand_in_for_one_that_its_newest_reading_cannot_have(most: int) -> None:
    async with running(runtime(), max_batch=most) as engine:
        await engine.create("a", START, np.zeros((0, WIDTH)), static=np.zeros(2))
        carried = [future(1, 2, 3), future(1, 2, 3), None]
        answers = await observe(engine, *(("a", [1.0, 2.0, 3.0], None, ahead) for ahead in carried))
        assert codes(answers) == [None] * 3
        assert answers.rows.tolist() == [-1, -1, -1]


async def test_where_later_readings_are_refused_the_newest_that_was_recorded_is_forecast() -> None:
    async with running(max_batch=2) as engine:
        await engine.create("a", START, column())
        answers = await send(engine, ("a", 1.0), ("a", 2.0), ("a", 3.0), ("a", 4.0, 9), ("a", 4.0, 9))
        assert codes(answers) == [None, None, None, "gap", "gap"]
        assert answers.rows.tolist() == [-1, -1, 0, -1, -1]
