"""Sessions that are watched: the same flag whoever is beside them, whatever the frames, and across any restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import regime as statistic
from service.errors import NoReadings, NoRegime, SessionExists, UnknownSession
from service.journal import Checkpoint, Journal, open_journal
from service.runtimes.fake import FakeRuntime, fake_bundle
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
from tests.service.watching import Array, told, told_alone, watch_all, wave


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Baselines that are learned in a few readings, so that a flag goes up and down within a short series."""
    monkeypatch.setattr(statistic, "SHORTEST_MEMORY", 12)


async def test_a_change_raises_the_flag_and_others_beside_it_are_not_told() -> None:
    values = wave(60, 1, change=40)
    expected = told_alone(values)
    forecasts = alone(values)
    async with running() as engine:
        await watch_all(engine, "a")
        await engine.create("plain", START, column())
        for step, value in enumerate(values):
            answers = await send(engine, ("plain", value, step), ("a", value, step))
            assert answers.regimes is not None
            assert answers.regimes.rows.tolist() == [-1, 0]
            np.testing.assert_array_equal(told(answers, 1), expected[step])
            for row in answers.rows:
                np.testing.assert_array_equal(answers.quantiles[row], forecasts[step])
        assert not expected[:40, 0].any()
        assert expected[40:46, 0].any()
        view, said = await engine.regime("a")
        np.testing.assert_array_equal(said, expected[-1])
        assert (view.last_step, view.regime, (await engine.session("plain")).regime) == (59, True, False)


async def test_sessions_that_are_not_watched_run_as_they_did_and_fetch_no_gates() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await engine.create("plain", START, column(1.0, 2.0))
        for _ in range(3):
            assert (await send(engine, ("plain", 3.0), ("plain", 4.0))).regimes is None
        assert not any(run.gates for run in runtime.log)
        assert runs(runtime, "step") == []


async def test_a_last_reading_sent_again_is_told_the_same_and_moves_nothing() -> None:
    values = wave(40, 2)
    expected = told_alone(values)
    async with running() as engine:
        await watch_all(engine, "a")
        for step, value in enumerate(values):
            for _ in range(2):
                answers = await send(engine, ("a", value, step))
                np.testing.assert_array_equal(told(answers, 0), expected[step])


async def test_gates_may_be_asked_for_too() -> None:
    async with running() as engine:
        await watch_all(engine, "a")
        answers = await engine.observe(replace(frame(("a", 1.0), ("a", 5.0)), gates=True))
        assert answers.gates is not None
        np.testing.assert_array_equal(answers.gates.values[answers.gates.rows[1]], (await engine.gates("a"))[1])
        assert (await engine.observe(frame(("a", 1.0)))).gates is None


async def test_a_reading_that_spoils_the_forecast_leaves_the_monitor_where_it_was() -> None:
    runtime = FakeRuntime(fake_bundle())
    expected = told_alone(np.array([1.0, 2.0, 4.0]))
    async with running(runtime) as engine:
        await watch_all(engine, "a")
        runtime.nan_on = 13.0
        answers = await send(engine, ("a", 1.0), ("a", 2.0), ("a", 13.0))
        assert codes(answers) == [None, None, "non_finite_forecast"]
        np.testing.assert_array_equal(told(answers, 1), expected[1])
        np.testing.assert_array_equal(told(await send(engine, ("a", 4.0)), 0), expected[2])


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_restart_at_any_moment_changes_no_flag_and_no_score(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("journal")
    lives = data.draw(st.lists(st.integers(1, 10), min_size=2, max_size=4), label="frames between restarts")
    bounds = {
        "checkpoint_every": data.draw(st.sampled_from([1, 4, 256]), label="checkpoint_every"),
        "checkpoint_group": data.draw(st.sampled_from([1, 64]), label="checkpoint_group"),
        "chunk": data.draw(st.sampled_from([2, 24, 256]), label="chunk"),
        "max_resident": data.draw(st.sampled_from([1, 2, 64]), label="max_resident"),
        "max_batch": data.draw(st.sampled_from([3, 1024]), label="max_batch"),
    }
    farewell = data.draw(st.booleans(), label="farewell")  # without, as after kill -9: no state that was not due
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    asyncio.run(_restarts(folder / "journal.sqlite", lives, bounds, farewell, random))


@cache
def truth(names: tuple[str, ...]) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Series, what each is told if it is alone, and its forecasts."""
    series = {name: wave(200, at, change=60) for at, name in enumerate(names)}
    told = {name: told_alone(values) for name, values in series.items()}
    return series, told, {name: alone(values) for name, values in series.items()}


async def _restarts(
    path: Path, lives: list[int], bounds: dict[str, int], farewell: bool, random: np.random.Generator
) -> None:
    names = ["watched", "late", "plain"]
    series, truths, forecasts = truth(tuple(names))
    sent = {"watched": 0, "late": 30, "plain": 0}
    for life, count in enumerate(lives):
        journal = open_journal(f"sqlite:{path}", 1, "1h", "process")
        async with running(journal=journal, **bounds) as engine:
            for name in names:
                history = series[name][: 30 if name == "late" else 0]
                view = await engine.create(name, START, column(*history), regime=name != "plain")
                assert (view.created, view.last_step, view.regime) == (life == 0, sent[name] - 1, name != "plain")
            for _ in range(count):
                items = []
                for name in map(str, random.choice(names, random.integers(1, 12))):
                    items.append((name, series[name][sent[name]], sent[name]))
                    sent[name] += 1
                answers = await send(engine, *items)
                assert codes(answers) == [None] * len(items)
                for at, (name, _, step) in enumerate(items):
                    if answers.rows[at] < 0:
                        continue
                    np.testing.assert_array_equal(answers.quantiles[answers.rows[at]], forecasts[name][step])
                    if name != "plain":
                        np.testing.assert_array_equal(told(answers, at), truths[name][step])
                await turn(engine)
            for name in ("watched", "late"):
                if sent[name]:
                    np.testing.assert_array_equal((await engine.regime(name))[1], truths[name][sent[name] - 1])
            if not farewell:
                journal.save = lambda *_: None


async def test_another_model_watches_the_same_sessions_from_their_first_reading(
    reopen: Callable[[], Journal],
) -> None:
    values = wave(50, 4, change=35)
    async with running(journal=reopen()) as engine:
        await watch_all(engine, "a", history=values[:40])
        await engine.create("unborn", None, column(), regime=True)
        assert (await send(engine, ("unborn", values[0], None, START))).regimes is not None
    other = FakeRuntime(fake_bundle(name="another"))
    async with running(other, reopen()) as engine:
        answers = await send(engine, ("a", values[40], 40), ("unborn", values[1], 1))
        np.testing.assert_array_equal(told(answers, 0), told_alone(values, other)[40])
        np.testing.assert_array_equal(told(answers, 1), told_alone(values, other)[1])
    async with running(FakeRuntime(fake_bundle(gates=("1.z",))), reopen()) as engine:
        answers = await send(engine, ("a", values[41], 41))
        assert (codes(answers), answers.regimes) == ([None], None)
        assert (await engine.session("a")).regime
        with pytest.raises(NoRegime, match="no reset gates"):
            await engine.regime("a")
        with pytest.raises(NoRegime, match="serve another model"):
            await engine.create("b", START, column(), regime=True)
    async with running(other, reopen()) as engine:
        np.testing.assert_array_equal(told(await send(engine, ("a", values[42], 42)), 0), told_alone(values, other)[42])


@pytest.mark.parametrize("damage", ["no monitor", "another statistic"])
async def test_a_checkpoint_without_a_monitor_of_this_statistic_is_passed_over(damage: str) -> None:
    values, journal = wave(50, 5, change=30), memory()
    async with running(journal=journal) as engine:
        await watch_all(engine, "a", history=values[:40])
        found, _ = journal.load(journal.head("a").key)
        body = found.body[: FakeRuntime(fake_bundle()).bundle.manifest.state.size].copy()
        if damage == "another statistic":
            body = found.body.copy()
            body[len(fake_bundle().initial)] += 1
    journal.save(np.array([journal.head("a").key]), [Checkpoint(39, 1, found.digest, body)])
    watcher = Watcher()
    async with running(journal=journal, observer=watcher) as engine:
        np.testing.assert_array_equal(told(await send(engine, ("a", values[40], 40)), 0), told_alone(values)[40])
    assert sum(readings for _, readings in watcher.rebuilds) == 40


async def test_a_session_is_watched_or_not_from_its_beginning(reopen: Callable[[], Journal]) -> None:
    async with running(journal=reopen()) as engine:
        assert (await engine.create("a", START, column(1.0), regime=True)).created
        assert not (await engine.create("a", START, column(1.0), regime=True)).created
        with pytest.raises(SessionExists, match="regime"):
            await engine.create("a", START, column(1.0))
        assert not (await engine.create("a", START, column(1.0), replace=True)).regime
        with pytest.raises(NoRegime, match="replace=true"):
            await engine.regime("a")
        await engine.create("empty", START, column(), regime=True)
        with pytest.raises(NoReadings):
            await engine.regime("empty")
        with pytest.raises(UnknownSession):
            await engine.regime("nobody")
        assert (await engine.create("a", START, column(1.0), regime=True, replace=True)).regime
    async with running(journal=reopen()) as engine:
        assert (await engine.session("a")).regime
        np.testing.assert_array_equal((await engine.regime("a"))[1], told_alone(np.ones(1))[-1])
