"""Known-future covariates and static features in the engine: the right row gets the right values."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.attached import NONE
from service.engine import NO_TIME, Answers, History, Observations
from service.futures import Futures
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import HOUR, START, alone, blocked, codes, running, runs
from tests.service.knowing import HORIZON, NAMES, WIDTH, Array, expected, future, observe, runtime


def forecasts(answers: Answers) -> list[Array | None]:
    return [None if row < 0 else answers.quantiles[row] for row in answers.rows]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_neighbours_in_a_batch_do_not_see_each_others_future_or_static(data: st.DataObject) -> None:
    bounds = {
        "max_batch": data.draw(st.sampled_from([2, 5, 1024]), label="max_batch"),
        "max_resident": data.draw(st.sampled_from([1, 2, 64]), label="max_resident"),
        "chunk": data.draw(st.sampled_from([2, 256]), label="chunk"),
    }
    frames = data.draw(
        st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=9), max_size=6),
        label="frames of (session, whether it carries a future)",
    )
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    asyncio.run(_neighbours(frames, bounds, random))


async def _neighbours(
    frames: list[list[tuple[str, bool]]], bounds: dict[str, int], random: np.random.Generator
) -> None:
    static = {name: random.normal(size=2) for name in "abcd"}
    static["b"][0] = np.nan
    values: dict[str, list[Array]] = {name: [] for name in "abcd"}
    async with running(runtime(), **bounds) as engine:
        for name in "abcd":
            history = random.normal(size=(int(random.integers(4)), WIDTH))
            values[name] += list(history)
            await engine.create(name, START, history, static=static[name])
        for frame in frames:
            items, wanted = [], []
            for name, carries in frame:
                repeats = bool(values[name]) and random.random() < 0.2
                if not repeats:
                    values[name].append(random.normal(size=WIDTH))
                ahead = random.normal(size=(HORIZON, 1)) if carries else None
                items.append((name, values[name][-1], len(values[name]) - 1, ahead))
                wanted.append(len(values[name]))
            answers = await observe(engine, *items)
            assert codes(answers) == [None] * len(items)
            last = {name: at for at, (name, _) in enumerate(frame)}
            for at, found in enumerate(forecasts(answers)):
                name, _, _, ahead = items[at]
                assert (found is not None) == (ahead is not None) or at != last[name]
                if found is not None:
                    assert ahead is not None
                    seen = np.array(values[name][: wanted[at]])
                    np.testing.assert_array_equal(found, expected(seen, static[name], ahead))


async def test_a_reading_that_carries_no_future_is_recorded_and_gets_no_forecast() -> None:
    async with running(runtime()) as engine:
        await engine.create("a", START, np.zeros((0, WIDTH)), static=np.zeros(2))
        answers = await observe(engine, ("a", [1, 2, 3], 0, None))
        assert (codes(answers), forecasts(answers)) == ([None], [None])
        bare = Observations(["a"], np.array([1]), np.array([NO_TIME]), np.ones((1, WIDTH)))
        answers = await engine.observe(bare)
        assert (codes(answers), forecasts(answers)) == ([None], [None])
        assert (await engine.session("a")).last_step == 1


async def test_a_repeated_reading_is_forecast_with_the_future_that_it_carries() -> None:
    values, static = np.array([[1.0, 2, 3]]), np.array([5.0, 7.0])
    async with running(runtime()) as engine:
        await engine.create("a", START, np.zeros((0, WIDTH)), static=static)
        await observe(engine, ("a", values[0], 0, future(1, 2, 3)))
        for ahead in (future(9, 8, 7), future(4)):
            answers = await observe(engine, ("a", values[0], 0, ahead))
            assert answers.repeated[0]
            np.testing.assert_array_equal(answers.quantiles[0], expected(values, static, ahead))


async def test_looks_at_one_session_may_expect_several_futures_at_once() -> None:
    values, statics = np.array([[1.0, 2, 3], [2, 3, 4]]), {"a": np.array([5.0, 7.0]), "b": np.array([1.0, np.nan])}
    model = runtime()
    async with running(model) as engine:
        for name, static in statics.items():
            await engine.create(name, START, values, static=static)
        asked = [("a", future(1, 2, 3)), ("b", future(4, 5)), ("a", future(9)), ("a", None)]
        model.gate.clear()
        first = asyncio.create_task(engine.peek("b", future(7)))
        await blocked(model)
        looks = [asyncio.create_task(engine.peek(*each)) for each in asked]
        await asyncio.sleep(0)
        model.gate.set()
        await first
        for (name, ahead), look in zip(asked, looks, strict=True):
            view, forecast = await look
            assert view.name == name
            np.testing.assert_array_equal(forecast, expected(values, statics[name], ahead))


async def test_looks_where_nothing_is_known_ahead_still_cost_one_row_a_session() -> None:
    model = FakeRuntime(fake_bundle())
    async with running(model) as engine:
        await engine.create("a", START, np.ones((2, 1)))
        model.gate.clear()
        looks = [asyncio.create_task(engine.peek("a")) for _ in range(9)]
        await blocked(model)
        model.gate.set()
        for look in looks:
            np.testing.assert_array_equal((await look)[1], alone([1.0, 1.0])[-1])
    assert max(run.batch for run in runs(model, "sequence")) <= 8


async def test_a_long_history_is_forecast_with_its_own_future_and_static_features() -> None:
    random = np.random.default_rng(0)
    model = runtime()
    async with running(model, chunk=4, history_batch=3) as engine:
        histories = [
            History(
                random.normal(size=(length, WIDTH)),
                START + HOUR * np.arange(length),
                random.normal(size=(HORIZON, 1)) if length % 2 else None,
                random.normal(size=2),
            )
            for length in (1, 3, 4, 9, 10, 33)
        ]
        found = await engine.forecast(histories)
    for each, forecast in zip(histories, found, strict=True):
        assert each.static is not None
        np.testing.assert_array_equal(forecast, expected(each.values, each.static, each.future))


class Seen(FakeRuntime):
    """Keeps what it was given of what is known."""

    def __init__(self) -> None:
        super().__init__(fake_bundle(**NAMES))
        self.given: list[tuple[Array | None, Array | None]] = []

    def step(self, values, times, states, future=None, static=None):  # type: ignore[no-untyped-def]
        self.given.append((future, static))
        return super().step(values, times, states, future, static)


async def test_rows_that_are_padding_know_nothing() -> None:
    model = Seen()
    async with running(model) as engine:
        for name in "abc":
            await engine.create(name, START, np.zeros((0, WIDTH)), static=np.ones(2))
        await observe(engine, *((name, [1, 2, 3], 0, future(1, 2, 3)) for name in "abc"))
    ahead, static = model.given[-1]
    assert ahead is not None
    assert static is not None
    assert (ahead.shape, static.shape) == ((4, HORIZON, 1), (4, 2))
    for known in (ahead, static):
        assert not np.isnan(known[:3]).any()
        assert np.isnan(known[3]).all()


async def test_what_can_be_kept_of_a_spoilt_turn_is_forecast_with_the_future_that_it_carries() -> None:
    model = runtime()
    async with running(model) as engine:
        await engine.create("a", START, np.zeros((0, WIDTH)), static=np.zeros(2))
        model.nan_on = 13.0
        answers = await observe(
            engine, ("a", [1, 0, 0], 0, None), ("a", [2, 0, 0], 1, future(5, 7)), ("a", [13, 0, 0], 2, future(6))
        )
        assert codes(answers) == [None, None, "non_finite_forecast"]
        kept = expected(np.array([[1.0, 0, 0], [2, 0, 0]]), np.zeros(2), future(5, 7))
        np.testing.assert_array_equal(forecasts(answers)[1], kept)


async def test_what_can_be_kept_of_a_spoilt_turn_is_kept_without_a_forecast_if_it_carries_no_future() -> None:
    model = runtime()
    async with running(model) as engine:
        await engine.create("a", START, np.zeros((0, WIDTH)), static=np.zeros(2))
        model.nan_on = 13.0
        answers = await observe(
            engine, ("a", [1, 0, 0], 0, future(5)), ("a", [2, 0, 0], 1, None), ("a", [13, 0, 0], 2, future(6))
        )
        assert codes(answers) == [None, None, "non_finite_forecast"]
        assert forecasts(answers) == [None, None, None]
        assert (await engine.session("a")).last_step == 1


async def test_arrays_of_another_shape_are_a_fault_of_the_caller() -> None:
    async with running(runtime()) as engine:
        await engine.create("a", START, np.ones((1, WIDTH)), static=np.ones(2))
        with pytest.raises(ValueError, match=r"static of shape \(2,\) were expected, got \(3,\)"):
            await engine.create("b", START, np.ones((1, WIDTH)), static=np.ones(3))
        with pytest.raises(ValueError, match=r"future of shape \(3, 1\) were expected, got \(2, 1\)"):
            await engine.peek("a", np.ones((2, 1)))
        with pytest.raises(ValueError, match=r"future of shape"):
            await engine.forecast([History(np.ones((1, WIDTH)), np.zeros(1, np.int64), np.ones((3, 2)))])
        odd = Futures.of(np.array([0]), np.ones((1, 2, 1)))
        with pytest.raises(ValueError, match=r"futures of shape"):
            await engine.observe(Observations(["a"], np.array([1]), np.array([NO_TIME]), np.ones((1, WIDTH)), odd))


@settings(max_examples=50, deadline=None)
@given(
    parts=st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=4),
    first=st.integers(0, 5),
    count=st.integers(1, 6),
)
def test_futures_cut_and_joined_stay_with_their_readings(parts: list[list[bool]], first: int, count: int) -> None:
    numbers = iter(range(100))
    made, truth = [], []
    for carried in parts:
        values = [float(next(numbers)) for carries in carried if carries]
        rows = np.where(carried, np.cumsum(carried) - 1, NONE)
        made.append(Futures.of(rows, np.array(values).reshape(-1, 1, 1)))
        rest = iter(values)
        truth += [next(rest) if carries else np.nan for carries in carried]
    joined = Futures.join(made)
    some = joined.cut(slice(first, first + count))
    for found, wanted in ((joined, truth), (some, truth[first : first + count])):
        np.testing.assert_array_equal(found.at(np.arange(len(wanted)))[:, 0, 0], wanted)
        assert found.carried.tolist() == [not np.isnan(each) for each in wanted]
        assert len(found.attached.values) == found.carried.sum()
