"""Sessions that are calibrated: the same bands whoever is beside them, whatever the frames, and across any restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import regime as statistic
from service.engine import Answers, Engine
from service.errors import SessionExists
from service.journal import Checkpoint, Journal, open_journal
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.session_errors import NoCalibration
from tests.service.calibrating import Array, calibrated_alone, noise, walked_alone
from tests.service.engines import (
    START,
    Watcher,
    alone,
    codes,
    column,
    frame,
    memory,
    running,
    runs,
    send,
    turn,
)
from tests.service.watching import told, told_alone

KINDS = {  # what sessions may be made with, by name
    "plain": {},
    "watched": {"regime": True},
    "calibrated": {"calibrate": True},
    "both": {"regime": True, "calibrate": True},
}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistic, "SHORTEST_MEMORY", 12)


def said(answers: Answers, at: int) -> Array:
    assert answers.rows[at] >= 0
    return answers.quantiles[answers.rows[at]]


async def make_all(engine: Engine, *history: float) -> None:
    for name, asked in KINDS.items():
        await engine.create(name, START, column(*history), **asked)


@cache
def truth(length: int, seed: int) -> tuple[Array, dict[str, Array], Array]:
    """Readings, the forecasts after each by kind of session, and what is told of the regime."""
    values = noise(length, seed)
    plain, bands = alone(values), calibrated_alone(values)
    assert not np.allclose(plain[length // 2 :], bands[length // 2 :])
    return values, {"plain": plain, "watched": plain, "calibrated": bands, "both": bands}, told_alone(values)


async def test_each_kind_of_session_is_answered_as_if_it_were_alone_beside_the_others() -> None:
    values, expected, regimes = truth(60, 1)
    async with running() as engine:
        await make_all(engine)
        for step, value in enumerate(values):
            answers = await send(engine, *((name, value, step) for name in KINDS))
            for at, name in enumerate(KINDS):
                np.testing.assert_array_equal(said(answers, at), expected[name][step])
            for at in (1, 3):
                np.testing.assert_array_equal(told(answers, at), regimes[step])
            assert answers.regimes is not None
            assert (answers.regimes.rows[[0, 2]] == -1).all()
        for name, asked in KINDS.items():
            view, forecast = await engine.peek(name)
            np.testing.assert_array_equal(forecast, expected[name][-1])
            assert {key: getattr(view, key) for key in ("regime", "calibrate")} == {
                "regime": False,
                "calibrate": False,
                **asked,
            }


async def test_sessions_that_are_not_calibrated_run_as_they_did_and_others_fetch_no_gates_for_it() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await engine.create("plain", START, column(1.0, 2.0))
        await send(engine, ("plain", 3.0), ("plain", 4.0))
        assert runs(runtime, "step") == []
        await engine.create("calibrated", START, column(1.0, 2.0), calibrate=True)
        await send(engine, ("calibrated", 3.0), ("calibrated", 4.0))
        assert len(runs(runtime, "step")) == 4
        assert not any(run.gates for run in runtime.log)


async def test_many_readings_at_once_are_taken_one_by_one() -> None:
    values, expected, _ = truth(60, 1)
    async with running() as engine:
        await make_all(engine, *values[:20])
        frames = [20, 23, 24, 40, 60]
        for first, stop in pairwise(frames):
            items = [(name, values[step], step) for name in KINDS for step in range(first, stop)]
            answers = await send(engine, *items)
            for at, name in enumerate(KINDS):
                newest = (at + 1) * (stop - first) - 1
                np.testing.assert_array_equal(said(answers, newest), expected[name][stop - 1])


async def test_a_last_reading_sent_again_is_answered_the_same_and_moves_nothing() -> None:
    values, expected, _ = truth(60, 1)
    async with running() as engine:
        await make_all(engine)
        for step, value in enumerate(values[:20]):
            for _ in range(2):
                answers = await send(engine, *((name, value, step) for name in KINDS))
                for at, name in enumerate(KINDS):
                    np.testing.assert_array_equal(said(answers, at), expected[name][step])


async def test_gates_may_be_asked_for_too() -> None:
    values, expected, _ = truth(60, 1)
    async with running() as engine:
        await make_all(engine)
        for step, value in enumerate(values[:30]):
            items = [(name, value, step) for name in KINDS]
            answers = await engine.observe(replace(frame(*items), gates=step % 3 == 0))
            for at, name in enumerate(KINDS):
                np.testing.assert_array_equal(said(answers, at), expected[name][step])
                if answers.gates is not None:
                    shown = answers.gates.values[answers.gates.rows[at]]
                    np.testing.assert_array_equal(shown, (await engine.gates(name))[1])
            assert (answers.gates is None) == (step % 3 > 0)


async def test_a_reading_that_spoils_the_forecast_leaves_the_calibration_where_it_was() -> None:
    values, runtime = np.array([1.0, 9.0, -4.0, 2.0, 5.0]), FakeRuntime(fake_bundle())
    expected = calibrated_alone(values)
    async with running(runtime) as engine:
        await engine.create("a", START, column(), calibrate=True)
        runtime.nan_on = 13.0
        answers = await send(engine, ("a", 1.0), ("a", 9.0), ("a", 13.0))
        assert codes(answers) == [None, None, "non_finite_forecast"]
        np.testing.assert_array_equal(said(answers, 1), expected[1])
        for step in (2, 3, 4):
            np.testing.assert_array_equal(said(await send(engine, ("a", values[step], step)), 0), expected[step])


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_streamed_replayed_and_restarted_are_the_same_to_the_bit(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("journal")
    lives = data.draw(st.lists(st.integers(1, 8), min_size=2, max_size=4), label="frames between restarts")
    bounds = {
        "checkpoint_every": data.draw(st.sampled_from([1, 4, 256]), label="checkpoint_every"),
        "checkpoint_group": data.draw(st.sampled_from([1, 64]), label="checkpoint_group"),
        "chunk": data.draw(st.sampled_from([2, 24, 256]), label="chunk"),
        "max_resident": data.draw(st.sampled_from([1, 2, 64]), label="max_resident"),
        "max_batch": data.draw(st.sampled_from([3, 1024]), label="max_batch"),
    }
    farewell = data.draw(st.booleans(), label="farewell")  # without, as after kill -9: no state that was not due
    history = data.draw(st.integers(0, 40), label="history")
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    asyncio.run(_restarts(folder / "journal.sqlite", lives, bounds, farewell, history, random))


async def _restarts(
    path: Path,
    lives: list[int],
    bounds: dict[str, int],
    farewell: bool,
    history: int,
    random: np.random.Generator,
) -> None:
    values, expected, regimes = truth(400, 7)
    _, rows = walked_alone(values)
    sent = dict.fromkeys(KINDS, history)
    for life, count in enumerate(lives):
        journal = open_journal(f"sqlite:{path}", 1, "1h", "process")
        async with running(journal=journal, **bounds) as engine:
            for name, asked in KINDS.items():
                view = await engine.create(name, START, column(*values[:history]), **asked)
                assert (view.created, view.last_step) == (life == 0, sent[name] - 1)
                assert (view.regime, view.calibrate) == ("regime" in asked, "calibrate" in asked)
            for _ in range(count):
                items = []
                for name in map(str, random.choice(list(KINDS), random.integers(1, 16))):
                    items.append((name, values[sent[name]], sent[name]))
                    sent[name] += 1
                answers = await send(engine, *items)
                assert codes(answers) == [None] * len(items)
                for at, (name, _, step) in enumerate(items):
                    if answers.rows[at] >= 0:
                        np.testing.assert_array_equal(said(answers, at), expected[name][step])
                        if "regime" in KINDS[name]:
                            np.testing.assert_array_equal(told(answers, at), regimes[step])
                await turn(engine)
            for name in [name for name in KINDS if sent[name]]:
                np.testing.assert_array_equal((await engine.peek(name))[1], expected[name][sent[name] - 1])
            if not farewell:
                journal.save = lambda *_: None
    journal = open_journal(f"sqlite:{path}", 1, "1h", "process")
    for name in ("calibrated", "both"):
        saved, _ = journal.load(journal.head(name).key)
        if saved is not None:
            state = FakeRuntime(fake_bundle()).bundle.manifest.state.size
            np.testing.assert_array_equal(saved.body[state : state + rows.shape[1]], rows[saved.step])
    journal.close()


async def test_another_model_calibrates_the_same_sessions_from_their_first_reading(
    reopen: Callable[[], Journal],
) -> None:
    values = noise(50, 4)
    async with running(journal=reopen()) as engine:
        await make_all(engine, *values[:40])
        await engine.create("unborn", None, column(), calibrate=True)
        assert codes(await send(engine, ("unborn", values[0], None, START))) == [None]
    other = FakeRuntime(fake_bundle(name="another"))
    expected = calibrated_alone(values, other)
    async with running(other, reopen()) as engine:
        answers = await send(engine, ("both", values[40], 40), ("unborn", values[1], 1))
        np.testing.assert_array_equal(said(answers, 0), expected[40])
        np.testing.assert_array_equal(said(answers, 1), expected[1])
    halves = FakeRuntime(fake_bundle(quantiles=(0.1, 0.9)))  # has no median
    async with running(halves, reopen()) as engine:
        answers = await send(engine, ("both", values[41], 41))
        np.testing.assert_array_equal(said(answers, 0), alone(values[:42], runtime=halves)[-1])
        np.testing.assert_array_equal(told(answers, 0), told_alone(values[:42], halves)[-1])
        assert (await engine.session("both")).calibrate
        with pytest.raises(NoCalibration, match="has no quantiles around a median"):
            await engine.create("b", START, column(), calibrate=True)
    async with running(other, reopen()) as engine:
        answers = await send(engine, ("both", values[42], 42))
        np.testing.assert_array_equal(said(answers, 0), expected[42])


async def test_a_model_that_takes_what_is_known_ahead_is_not_calibrated_and_says_why() -> None:
    runtime = FakeRuntime(fake_bundle(covariates=("price",), future=("price",)))
    async with running(runtime) as engine:
        with pytest.raises(NoCalibration, match="takes what is known ahead"):
            await engine.create("a", START, np.empty((0, 2)), calibrate=True)


@pytest.mark.parametrize("damage", ["no calibration", "another method", "a factor that none is", "of another kind"])
async def test_a_checkpoint_without_a_calibration_of_this_method_is_passed_over(damage: str) -> None:
    (values, expected, _), journal = truth(60, 1), memory()
    async with running(journal=journal) as engine:
        await make_all(engine, *values[:40])
    state = FakeRuntime(fake_bundle()).bundle.manifest.state.size
    found, _ = journal.load(journal.head("calibrated").key)
    body = found.body.copy()
    if damage == "no calibration":
        body = body[:state]
    elif damage == "another method":
        body[state] += 1
    elif damage == "a factor that none is":
        body[state + 3] = np.nan
    else:
        body = journal.load(journal.head("both").key)[0].body
    journal.save(np.array([journal.head("calibrated").key]), [Checkpoint(39, 1, found.digest, body)])
    watcher = Watcher()
    async with running(journal=journal, observer=watcher) as engine:
        answers = await send(engine, ("calibrated", values[40], 40))
        np.testing.assert_array_equal(said(answers, 0), expected["calibrated"][40])
    assert sum(readings for _, readings in watcher.rebuilds) == 40


async def test_a_session_is_calibrated_or_not_from_its_beginning(reopen: Callable[[], Journal]) -> None:
    async with running(journal=reopen()) as engine:
        assert (await engine.create("a", START, column(1.0), calibrate=True)).created
        assert not (await engine.create("a", START, column(1.0), calibrate=True)).created
        for other in ({}, {"regime": True}, {"regime": True, "calibrate": True}):
            with pytest.raises(SessionExists, match="calibrate"):
                await engine.create("a", START, column(1.0), **other)
        assert not (await engine.create("a", START, column(1.0), replace=True)).calibrate
        assert (await engine.create("a", START, column(1.0), calibrate=True, replace=True)).calibrate
    async with running(journal=reopen()) as engine:
        view = await engine.session("a")
        assert (view.calibrate, view.regime) == (True, False)
