"""Late and corrected readings, backfills and going back: afterwards all is as if it had always been so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.engine import NO_STEP, NO_TIME, Engine
from service.errors import (
    Gap,
    InvalidValue,
    NonFiniteForecast,
    NoReadings,
    OffGrid,
    StaleSession,
    StepMismatch,
    TimeRequired,
    UnknownSession,
)
from service.journal import Checkpoint, Journal
from service.past_errors import DuplicateStep, HistoryGone
from service.places import Correction
from service.revisions import Revised
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import HOUR, NAN, START, alone, blocked, codes, column, memory, named, running, send, turn


def fixed(*items: tuple[int | None, float] | tuple[int | None, float, int], missing: bool = False) -> Correction:
    """A correction of (step, value[, time])."""
    rows = [(*item, None)[:3] for item in items]
    return Correction(
        np.array([NO_STEP if step is None else step for step, _, _ in rows], np.int64),
        np.array([NO_TIME if time is None else time for _, _, time in rows], np.int64),
        column(*(value for _, value, _ in rows)),
        missing,
    )


def counts(revised: Revised) -> tuple[int, int, int]:
    return revised.changed, revised.added, revised.filled


async def forecast(engine: Engine, name: str) -> NDArray[np.float64]:
    return (await engine.peek(name))[1]


def kept(journal: Journal, name: str) -> list[float]:
    head = journal.head(name)
    assert head is not None
    return journal.readings(head.key, 0, 10**6)[:, 0].tolist()


def state_after(values: Sequence[float]) -> NDArray[np.float32]:
    runtime = FakeRuntime(fake_bundle())
    state = runtime.bundle.initial[None]
    for step, value in enumerate(values):
        _, state = runtime.step(column(value), np.array([START + step * HOUR]), state)
    return np.array(state[0])


async def test_a_corrected_session_forecasts_as_if_it_had_always_been_so() -> None:
    journal = memory()
    async with running(journal=journal) as engine:
        await engine.create("a", START, column(1, 2, 3))
        await send(engine, ("a", 4), ("a", 5))
        revised = await engine.changes.correct("a", fixed((1, 20), (3, 40)))
        assert counts(revised) == (2, 0, 0)
        assert (revised.view.revision, revised.view.last_step) == (2, 4)
        np.testing.assert_array_equal(await forecast(engine, "a"), alone([1, 20, 3, 40, 5])[-1])
        answers = await send(engine, ("a", 6, 5))
        np.testing.assert_array_equal(answers.quantiles[0], alone([1, 20, 3, 40, 5, 6])[-1])
        assert kept(journal, "a") == [1, 20, 3, 40, 5, 6]


async def test_an_outage_is_filled_in_by_one_request_in_any_order() -> None:
    async with running() as engine:
        await engine.create("a", START, column(1, NAN, NAN, 4))
        items = (5, 6.0), (1, 2.0), (4, 5.0), (2, 3.0)
        assert counts(await engine.changes.correct("a", fixed(*items))) == (2, 2, 0)
        np.testing.assert_array_equal(await forecast(engine, "a"), alone([1, 2, 3, 4, 5, 6])[-1])
        by_time = fixed((None, 8, START + 7 * HOUR), (None, 7, START + 6 * HOUR), (0, 10, START))
        assert counts(await engine.changes.correct("a", by_time)) == (1, 2, 0)
        np.testing.assert_array_equal(await forecast(engine, "a"), alone([10, 2, 3, 4, 5, 6, 7, 8])[-1])
        assert counts(await engine.changes.correct("a", fixed((10, 11), missing=True))) == (0, 1, 2)
        np.testing.assert_array_equal(await forecast(engine, "a"), alone([10, 2, 3, 4, 5, 6, 7, 8, NAN, NAN, 11])[-1])


async def test_the_same_correction_again_changes_nothing() -> None:
    journal = memory()
    async with running(journal=journal) as engine:
        await engine.create("a", START, column(1, NAN, 3))
        first = await engine.changes.correct("a", fixed((0, 10), (1, NAN), (3, 4)))
        again = await engine.changes.correct("a", fixed((0, 10), (1, NAN), (3, 4)))
        assert counts(first) == (1, 1, 0)
        assert counts(again) == (0, 0, 0)
        assert again.view.revision == first.view.revision == 2


async def test_a_session_goes_back_to_a_step_and_on_from_there() -> None:
    journal = memory()
    async with running(journal=journal, checkpoint_every=2) as engine:
        await named(engine, "a")
        await send(engine, *(("a", float(value)) for value in range(9)))
        back = await engine.changes.rewind("a", 4)
        assert (back.view.last_step, back.view.revision, back.changed) == (4, 2, 4)
        np.testing.assert_array_equal(await forecast(engine, "a"), alone(range(5))[-1])
        answers = await send(engine, ("a", 50, 5))
        np.testing.assert_array_equal(answers.quantiles[0], alone([*range(5), 50])[-1])
        assert (await engine.changes.rewind("a", 5)).view.revision == 2, "it stands there"
        assert (await engine.changes.rewind("a", -1)).view.last_step == -1
        with pytest.raises(NoReadings):
            await engine.peek("a")
        answers = await send(engine, ("a", 7, 0))
        np.testing.assert_array_equal(answers.quantiles[0], alone([7])[-1])


async def test_what_cannot_be_is_refused_by_name_and_nothing_is_changed() -> None:
    journal, bundle = memory(), fake_bundle()
    async with running(FakeRuntime(bundle), journal) as engine:
        await engine.create("a", START, column(*range(10)))
        await engine.create("unborn", None, column())
        for correction, error in (
            (fixed((12, 1)), Gap),
            (fixed((10, 1), (12, 1)), Gap),
            (fixed((3, 1), (3, 2)), DuplicateStep),
            (fixed((None, 1)), TimeRequired),
            (fixed((None, 1, START + 1)), OffGrid),
            (fixed((None, 1, START - HOUR)), OffGrid),
            (fixed((3, 1, START + HOUR)), StepMismatch),
            (fixed((3, 1e300)), InvalidValue),
        ):
            with pytest.raises(error):
                await engine.changes.correct("a", correction)
        with pytest.raises(NoReadings):
            await engine.changes.correct("unborn", fixed((0, 1)))
        for name, error in (("nobody", UnknownSession),):
            with pytest.raises(error):
                await engine.changes.correct(name, fixed((0, 1)))
            with pytest.raises(error):
                await engine.changes.rewind(name, 0)
        with pytest.raises(Gap):
            await engine.changes.rewind("a", 10)
        with pytest.raises(Gap) as expected:
            await engine.changes.correct("a", fixed((10, 1), (12, 1)))
        assert expected.value.facts["expected_step"] == 11
        head = journal.head("a")
        journal.retain(head.key, 1, 4, [Checkpoint(3, 1, bundle.digest, state_after(range(4)))])
        await engine.changes.rewind("a", 8)  # which the engine learns of only now
        with pytest.raises(HistoryGone) as gone:
            await engine.changes.correct("a", fixed((3, 1)))
        assert gone.value.facts["first_step"] == 4
        with pytest.raises(HistoryGone):
            await engine.changes.rewind("a", 3)
        assert kept(journal, "a") == [4, 5, 6, 7, 8]


async def test_a_change_after_which_no_forecast_is_finite_is_none() -> None:
    runtime, journal = FakeRuntime(fake_bundle()), memory()
    async with running(runtime, journal) as engine:
        runtime.nan_on = 13.0
        await engine.create("a", START, column(1, 2, 3))
        with pytest.raises(NonFiniteForecast):
            await engine.changes.correct("a", fixed((1, 13)))
        assert kept(journal, "a") == [1, 2, 3]
        answers = await send(engine, ("a", 4, 3))
        np.testing.assert_array_equal(answers.quantiles[0], alone([1, 2, 3, 4])[-1])


async def test_readings_that_come_meanwhile_are_behind_the_corrected_ones() -> None:
    runtime, journal = FakeRuntime(fake_bundle()), memory()
    async with running(runtime, journal, chunk=4) as engine:
        await engine.create("a", START, column(*range(12)))
        runtime.gate.clear()
        correcting = asyncio.create_task(engine.changes.correct("a", fixed((1, 100))))
        await blocked(runtime)
        reading = asyncio.create_task(send(engine, ("a", 12, 12), ("a", 13, 13)))
        await asyncio.sleep(0)
        runtime.gate.set()
        answers, revised = await reading, await correcting
        np.testing.assert_array_equal(answers.quantiles[0], alone(range(14))[-1])
        assert revised.view.last_step == 13
        np.testing.assert_array_equal(await forecast(engine, "a"), alone([0, 100, *range(2, 14)])[-1])


@pytest.mark.parametrize("end", ["deleted", "replaced", "added behind"])
async def test_a_session_that_somebody_changes_meanwhile_is_not_mixed_up(end: str) -> None:
    runtime, journal = FakeRuntime(fake_bundle()), memory()
    async with running(runtime, journal, chunk=4) as engine:
        await engine.create("a", START, column(*range(12)))
        runtime.gate.clear()
        correcting = asyncio.create_task(engine.changes.correct("a", fixed((1, 100), (12, 120))))
        await blocked(runtime)
        if end == "deleted":
            other = asyncio.create_task(engine.delete("a"))
        elif end == "replaced":
            other = asyncio.create_task(engine.create("a", START, column(), replace=True))
        else:
            other = asyncio.create_task(send(engine, ("a", 12, 12), ("a", 13, 13)))
        await asyncio.sleep(0)
        runtime.gate.set()
        await other
        if end == "added behind":
            revised = await correcting
            assert (revised.view.last_step, counts(revised)) == (13, (2, 0, 0))
            assert kept(journal, "a") == [0, 100, *range(2, 12), 120, 13]
            np.testing.assert_array_equal(await forecast(engine, "a"), alone(kept(journal, "a"))[-1])
        else:
            with pytest.raises((UnknownSession, Gap, StaleSession)):
                await correcting


async def test_a_caller_who_leaves_changes_nothing_and_holds_no_room() -> None:
    runtime, journal = FakeRuntime(fake_bundle()), memory()
    async with running(runtime, journal, chunk=4) as engine:
        await engine.create("a", START, column(*range(12)))
        runtime.gate.clear()
        correcting = asyncio.create_task(engine.changes.correct("a", fixed((1, 100))))
        await blocked(runtime)
        correcting.cancel()
        runtime.gate.set()
        await turn(engine)
        await turn(engine)
        assert kept(journal, "a") == list(range(12))
        assert engine.waiting == (0, 0)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_changed_in_whatever_order_all_is_as_if_it_had_always_been_so(data: st.DataObject) -> None:
    values = st.one_of(st.just(NAN), st.floats(-100, 100, width=32))
    names = ["a", "b"]
    resident, every = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 9))

    async def stream() -> None:
        journal = memory()
        model: dict[str, list[float]] = {name: [] for name in names}
        watched = {name: data.draw(st.booleans()) for name in names}

        async def check(engine: Engine, name: str) -> None:
            assert np.array_equal(kept(journal, name), model[name], equal_nan=True)
            if model[name]:
                found = await forecast(engine, name)
                np.testing.assert_allclose(found, alone(model[name])[-1], rtol=1e-5, atol=1e-5)

        bounds = {"max_resident": resident, "checkpoint_every": every, "chunk": 4, "max_batch": 16}
        async with running(FakeRuntime(fake_bundle()), journal, **bounds) as engine:
            for name in names:
                await engine.create(name, START, column(), regime=watched[name])
            for _ in range(data.draw(st.integers(1, 12))):
                name, what = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(["send", "fix", "back"]))
                rows = model[name]
                if what == "send":
                    new = data.draw(st.lists(values, min_size=1, max_size=9))
                    answers = await send(engine, *((name, value) for value in new))
                    assert codes(answers) == [None] * len(new)
                    rows += new
                elif what == "fix":
                    reach = len(rows) + 3
                    fixes = data.draw(st.dictionaries(st.integers(0, reach), values, min_size=1, max_size=4))
                    await engine.changes.correct(name, fixed(*fixes.items(), missing=True))
                    rows += [NAN] * (max(fixes) + 1 - len(rows))
                    for step, value in fixes.items():
                        rows[step] = value
                else:
                    step = data.draw(st.integers(-1, len(rows) - 1))
                    await engine.changes.rewind(name, step)
                    del rows[step + 1 :]
                await check(engine, name)
        async with running(FakeRuntime(fake_bundle()), journal, **bounds) as engine:  # after a restart
            for name in names:
                await check(engine, name)

    asyncio.run(stream())


async def test_correction_objects_are_only_read() -> None:
    correction = fixed((2, 30), (0, 10))
    before = replace(correction, steps=correction.steps.copy(), values=correction.values.copy())
    async with running() as engine:
        await engine.create("a", START, column(1, 2, 3))
        await engine.changes.correct("a", correction)
    np.testing.assert_array_equal(correction.steps, before.steps)
    np.testing.assert_array_equal(correction.values, before.values)
