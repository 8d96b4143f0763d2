"""Sessions that are scored: the same is told whoever is beside them, whatever the frames, and across any restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.beside import Beside
from service.engine import Engine
from service.errors import NoReadings, UnknownSession
from service.journal import Checkpoint, Journal, open_journal
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.session_errors import NoQuality
from tests.service.calibrating import Array, calibrated_alone, noise
from tests.service.engines import START, Item, Watcher, codes, column, frame, memory, running, runs, send, turn
from tests.service.scoring import scored_alone, told_of

FLAGS = ("regime", "calibrate", "quality")
KINDS = {"+".join(asked) or "plain": dict.fromkeys(asked, True) for asked in (
    tuple(flag for flag, on in zip(FLAGS, chosen, strict=True) if on) for chosen in product((False, True), repeat=3)
)}  # fmt: skip
SCORED = [name for name, asked in KINDS.items() if "quality" in asked]


async def make_all(engine: Engine, *history: float) -> None:
    for name, asked in KINDS.items():
        await engine.create(name, START, column(*history), **asked)


async def ask(engine: Engine, *items: Item):
    return await engine.observe(replace(frame(*items), quality=True))


@cache
def truth(length: int, seed: int) -> tuple[Array, dict[str, Array]]:
    """Readings, and what is told after each of the kinds that are scored: those that are calibrated, of other bands."""
    values = noise(length, seed)
    plain, calibrated = scored_alone(values), scored_alone(values, bands=calibrated_alone(values))
    assert not np.allclose(plain[length // 2 :], calibrated[length // 2 :], equal_nan=True)
    return values, {name: calibrated if "calibrate" in KINDS[name] else plain for name in SCORED}


async def test_each_session_is_scored_as_if_it_were_alone_beside_those_of_all_kinds() -> None:
    values, expected = truth(60, 1)
    async with running() as engine:
        await make_all(engine)
        for step, value in enumerate(values):
            answers = await ask(engine, *((name, value, step) for name in KINDS))
            assert answers.qualities is not None
            for at, name in enumerate(KINDS):
                if name in SCORED:
                    np.testing.assert_array_equal(told_of(answers, at), expected[name][step])
                else:
                    assert answers.qualities.rows[at] == -1
        for name in SCORED:
            view, told = await engine.quality(name)
            assert view.quality
            np.testing.assert_array_equal(told, expected[name][-1])


async def test_who_does_not_ask_is_told_nothing_and_others_fetch_no_gates_for_it() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await engine.create("plain", START, column(1.0, 2.0))
        await engine.create("scored", START, column(1.0, 2.0), quality=True)
        runtime.log.clear()
        assert (await send(engine, ("plain", 3.0), ("plain", 4.0))).qualities is None
        assert runs(runtime, "step") == []
        answers = await send(engine, ("scored", 3.0), ("scored", 4.0))
        assert (codes(answers), answers.qualities, len(runs(runtime, "step"))) == ([None, None], None, 2)
        assert not any(run.gates for run in runtime.log)


async def test_many_readings_at_once_are_scored_one_by_one() -> None:
    values, expected = truth(60, 1)
    async with running() as engine:
        await make_all(engine, *values[:20])
        for first, stop in pairwise([20, 23, 24, 40, 60]):
            items = [(name, values[step], step) for name in KINDS for step in range(first, stop)]
            answers = await ask(engine, *items)
            for at, name in enumerate(KINDS):
                if name in SCORED:
                    newest = (at + 1) * (stop - first) - 1
                    np.testing.assert_array_equal(told_of(answers, newest), expected[name][stop - 1])


async def test_a_last_reading_sent_again_is_told_the_same_and_scored_once() -> None:
    values, expected = truth(60, 1)
    async with running() as engine:
        await make_all(engine)
        for step, value in enumerate(values[:20]):
            for _ in range(2):
                answers = await ask(engine, *((name, value, step) for name in SCORED))
                for at, name in enumerate(SCORED):
                    np.testing.assert_array_equal(told_of(answers, at), expected[name][step])


async def test_steps_that_enter_as_missing_are_not_scored_and_move_the_forecasts_along() -> None:
    values = np.array([1.0, 2.0, np.nan, np.nan, np.nan, 5.0, 3.0])
    expected = scored_alone(values)
    async with running() as engine:
        await engine.create("a", START, column(), quality=True)
        for step in (0, 1, 5, 6):
            answers = await engine.observe(replace(frame(("a", values[step], step)), quality=True, fill=True))
            np.testing.assert_array_equal(told_of(answers, 0), expected[step])


async def test_a_reading_that_spoils_the_forecast_is_not_scored() -> None:
    values, runtime = np.array([1.0, 9.0, -4.0, 2.0, 5.0]), FakeRuntime(fake_bundle())
    expected = scored_alone(values)
    async with running(runtime) as engine:
        await engine.create("a", START, column(), quality=True)
        runtime.nan_on = 13.0
        answers = await ask(engine, ("a", 1.0), ("a", 9.0), ("a", 13.0))
        assert codes(answers) == [None, None, "non_finite_forecast"]
        np.testing.assert_array_equal(told_of(answers, 1), expected[1])
        for step in (2, 3, 4):
            np.testing.assert_array_equal(told_of(await ask(engine, ("a", values[step], step)), 0), expected[step])


async def test_corrections_and_rewinds_take_back_what_was_scored() -> None:
    values = noise(30, 3)
    async with running() as engine:
        await engine.create("a", START, column(*values[:20]), quality=True)
        await engine.changes.rewind("a", 14)
        np.testing.assert_array_equal((await engine.quality("a"))[1], scored_alone(values[:15])[-1])
        await engine.changes.fork("a", "b", 9)
        np.testing.assert_array_equal((await engine.quality("b"))[1], scored_alone(values[:10])[-1])
        copied = await engine.changes.export("b", "b")
        assert (await engine.changes.take_in("c", copied, False)).quality
        np.testing.assert_array_equal((await engine.quality("c"))[1], scored_alone(values[:10])[-1])


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_streamed_replayed_and_restarted_are_the_same_to_the_bit(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("journal")
    lives = data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=3), label="frames between restarts")
    bounds = {
        "checkpoint_every": data.draw(st.sampled_from([1, 4, 256]), label="checkpoint_every"),
        "chunk": data.draw(st.sampled_from([2, 24, 256]), label="chunk"),
        "max_resident": data.draw(st.sampled_from([1, 2, 64]), label="max_resident"),
        "max_batch": data.draw(st.sampled_from([3, 1024]), label="max_batch"),
    }
    farewell = data.draw(st.booleans(), label="farewell")  # without, as after kill -9: no state that was not due
    history = data.draw(st.integers(0, 30), label="history")
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    asyncio.run(_restarts(folder / "journal.sqlite", lives, bounds, farewell, history, random))


async def _restarts(
    path: Path, lives: list[int], bounds: dict[str, int], farewell: bool, history: int, random: np.random.Generator
) -> None:
    values, expected = truth(300, 7)
    sent = dict.fromkeys(KINDS, history)
    for life, count in enumerate(lives):
        journal = open_journal(f"sqlite:{path}", 1, "1h", "process")
        async with running(journal=journal, **bounds) as engine:
            for name, asked in KINDS.items():
                view = await engine.create(name, START, column(*values[:history]), **asked)
                assert (view.created, view.last_step) == (life == 0, sent[name] - 1)
                assert {flag for flag in FLAGS if getattr(view, flag)} == set(asked)
            for _ in range(count):
                items = []
                for name in map(str, random.choice(list(KINDS), random.integers(1, 16))):
                    items.append((name, values[sent[name]], sent[name]))
                    sent[name] += 1
                answers = await ask(engine, *items)
                assert codes(answers) == [None] * len(items)
                for at, (name, _, step) in enumerate(items):
                    if answers.rows[at] >= 0 and name in SCORED:
                        np.testing.assert_array_equal(told_of(answers, at), expected[name][step])
                await turn(engine)
            for name in SCORED:
                if sent[name]:
                    np.testing.assert_array_equal((await engine.quality(name))[1], expected[name][sent[name] - 1])
            if not farewell:
                journal.save = lambda *_: None


async def test_another_model_is_scored_from_the_first_reading_of_the_same_sessions(
    reopen: Callable[[], Journal],
) -> None:
    values = noise(50, 4)
    async with running(journal=reopen()) as engine:
        await make_all(engine, *values[:40])
        await engine.create("unborn", None, column(), quality=True)
        assert codes(await send(engine, ("unborn", values[0], None, START))) == [None]
    other = FakeRuntime(fake_bundle(name="another", horizon=5))
    expected = scored_alone(values, other)
    async with running(other, reopen()) as engine:
        answers = await ask(engine, ("quality", values[40], 40), ("unborn", values[1], 1))
        np.testing.assert_array_equal(told_of(answers, 0), expected[40])
        np.testing.assert_array_equal(told_of(answers, 1), expected[1])
    bandless = FakeRuntime(fake_bundle(quantiles=(0.1, 0.5, 0.8)))
    async with running(bandless, reopen()) as engine:
        answers = await ask(engine, ("quality", values[41], 41))
        assert (codes(answers), answers.qualities) == ([None], None)
        assert (await engine.session("quality")).quality
        with pytest.raises(NoQuality, match="no band around a median"):
            await engine.quality("quality")
        with pytest.raises(NoQuality, match="serve another model"):
            await engine.create("b", START, column(), quality=True)
    async with running(other, reopen()) as engine:
        np.testing.assert_array_equal(told_of(await ask(engine, ("quality", values[42], 42)), 0), expected[42])


@pytest.mark.parametrize("damage", ["no quality", "another method", "a factor that none is", "of another kind"])
async def test_a_checkpoint_without_a_row_of_this_method_is_passed_over(damage: str) -> None:
    (values, expected), journal = truth(60, 1), memory()
    async with running(journal=journal) as engine:
        await make_all(engine, *values[:40])
    state = FakeRuntime(fake_bundle()).bundle.manifest.state.size
    found, _ = journal.load(journal.head("quality").key)
    body = found.body.copy()
    if damage == "no quality":
        body = body[:state]
    elif damage == "another method":
        body[state] += 1
    elif damage == "a factor that none is":
        body[state + 8] = np.nan
    else:
        body = journal.load(journal.head("calibrate+quality").key)[0].body
    journal.save(np.array([journal.head("quality").key]), [Checkpoint(39, 1, found.digest, body)])
    watcher = Watcher()
    async with running(journal=journal, observer=watcher) as engine:
        answers = await ask(engine, ("quality", values[40], 40))
        np.testing.assert_array_equal(told_of(answers, 0), expected["quality"][40])
    assert sum(readings for _, readings in watcher.rebuilds) == 40


async def test_sessions_that_do_not_say_are_scored_where_the_engine_is_set_so(reopen: Callable[[], Journal]) -> None:
    async with running(journal=reopen()) as engine:
        assert not (await engine.create("before", START, column(1.0))).quality
    async with running(journal=reopen(), quality=True) as engine:
        assert (await engine.create("after", START, column(1.0))).quality
        assert not (await engine.create("without", START, column(1.0), quality=False)).quality
        assert not (await engine.create("before", START, column(1.0))).quality  # it is the session that is there
        with pytest.raises(NoQuality, match="replace=true"):
            await engine.quality("before")
        await engine.create("empty", START, column())
        with pytest.raises(NoReadings):
            await engine.quality("empty")
        with pytest.raises(UnknownSession):
            await engine.quality("nobody")
    ahead = FakeRuntime(fake_bundle(covariates=("price",), future=("price",)))
    async with running(ahead, quality=True) as engine:  # nothing to score, and nobody asked for it by name
        await engine.create("a", START, np.empty((0, 2)))
        with pytest.raises(NoQuality, match="takes what is known ahead"):
            await engine.create("b", START, np.empty((0, 2)), quality=True)


@pytest.mark.parametrize("levels", [(0.1, 0.5, 0.9), (0.025, 0.1, 0.5, 0.9, 0.975), (0.25, 0.5, 0.75)])
@pytest.mark.parametrize("horizon", [1, 2, 3, 7, 24, 48])
def test_what_a_session_has_is_told_by_the_length_of_its_row(horizon: int, levels: tuple[float, ...]) -> None:
    beside = Beside.of(fake_bundle(horizon=horizon, quantiles=levels).manifest)
    assert len(beside.kinds) == len(beside.sizes) == 8
    for kind, size in beside.sizes.items():
        row = beside.initial(kind)
        assert (len(row), beside.fits(row, kind)) == (size, True)
