"""A restart, a new model, a lost state: sessions are rebuilt from their readings, or refused by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import StateLost
from service.journal import Checkpoint, Journal, open_journal
from service.journal.memory import MemoryJournal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    HOUR,
    START,
    Turnstile,
    Watcher,
    alone,
    blocked,
    codes,
    column,
    memory,
    running,
    runs,
    send,
    turn,
)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_restart_at_any_moment_changes_no_forecast(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("journal")
    counts = data.draw(st.lists(st.integers(1, 12), min_size=2, max_size=4), label="frames between restarts")
    bounds = {
        "checkpoint_every": data.draw(st.sampled_from([1, 4, 256]), label="checkpoint_every"),
        "chunk": data.draw(st.sampled_from([2, 256]), label="chunk"),
        "max_resident": data.draw(st.sampled_from([1, 2, 64]), label="max_resident"),
        "max_tail": data.draw(st.sampled_from([1, 10_000]), label="max_tail"),
    }
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    asyncio.run(_restarts(folder / "journal.sqlite", counts, bounds, random))


async def _restarts(path: Path, counts: list[int], bounds: dict[str, int], random: np.random.Generator) -> None:
    names = ["a", "b", "c"]
    series = {name: random.normal(size=200) for name in names}
    truths = {name: alone(values) for name, values in series.items()}
    sent = {"a": 0, "b": 40, "c": 0}
    for life, count in enumerate(counts):
        journal = open_journal(f"sqlite:{path}", 1, "1h", "process")
        async with running(journal=journal, **bounds) as engine:
            for name in names:
                history = series[name][: 40 if name == "b" else 0]
                view = await engine.create(name, START, column(*history))
                assert (view.created, view.last_step) == (life == 0, sent[name] - 1)
            for _ in range(count):
                chosen = [str(name) for name in random.choice(names, random.integers(1, 9))]
                items = []
                for name in chosen:
                    items.append((name, series[name][sent[name]], sent[name]))
                    sent[name] += 1
                answers = await send(engine, *items)
                assert codes(answers) == [None] * len(items)
                for (name, _, _), step, row in zip(items, answers.steps, answers.rows, strict=True):
                    if row >= 0:
                        np.testing.assert_array_equal(answers.quantiles[row], truths[name][step])


async def test_a_restart_goes_on_from_a_checkpoint_and_a_short_replay(reopen: Callable[[], Journal]) -> None:
    values = np.arange(30.0)
    journal = reopen()
    save = journal.save
    async with running(journal=journal, checkpoint_every=8, checkpoint_group=1) as engine:
        await engine.create("a", START, column())
        for step in range(10):
            await send(engine, ("a", values[step], step))
            await turn(engine)
        journal.save = lambda *_: None  # no farewell: states that were not due are in no checkpoint
    journal.save = save
    watcher, runtime = Watcher(), FakeRuntime(fake_bundle())
    async with running(runtime, reopen(), watcher) as engine:
        answers = await send(engine, ("a", values[9], 9))
        assert answers.repeated[0]
        np.testing.assert_array_equal(answers.quantiles[0], alone(values)[9])
        answers = await send(engine, ("a", values[10], 10))
        np.testing.assert_array_equal(answers.quantiles[0], alone(values)[10])
        assert codes(await send(engine, ("a", 0.0, 3))) == ["conflict"]
    ((sessions, readings),) = watcher.rebuilds
    assert sessions == 1
    assert 0 < readings < 10


async def test_a_session_without_a_start_survives_a_restart_and_is_found_again(reopen: Callable[[], Journal]) -> None:
    async with running(journal=reopen()) as engine:
        for name in "ab":
            await engine.create(name, None, column())
        await send(engine, ("b", 1.0, None, START))
    async with running(journal=reopen()) as engine:
        assert (await engine.session("a")).start is None
        answers = await send(engine, ("a", 1.0, None, START + 60), ("b", 2.0, None, START + HOUR))
        assert answers.steps.tolist() == [0, 1]
        for name, start in (("a", START + 60), ("b", START)):
            again = await engine.create(name, None, column())
            assert (again.created, again.start) == (False, start)


async def test_draining_saves_every_state_so_that_nothing_is_replayed(reopen: Callable[[], Journal]) -> None:
    async with running(journal=reopen()) as engine:
        for name in "abc":
            await engine.create(name, START, column(1.0, 2.0))
            await send(engine, (name, 3.0))
    watcher = Watcher()
    async with running(journal=reopen(), observer=watcher) as engine:
        answers = await send(engine, *((name, 4.0, 3) for name in "abc"))
        for row in range(3):
            np.testing.assert_array_equal(answers.quantiles[row], alone([1.0, 2.0, 3.0, 4.0])[-1])
    assert watcher.rebuilds == [(3, 0)]


async def test_the_state_of_an_old_model_is_never_fed_to_a_new_one(reopen: Callable[[], Journal]) -> None:
    values = np.arange(20.0)
    async with running(journal=reopen()) as engine:
        await engine.create("a", START, column(*values))
    other = FakeRuntime(fake_bundle(name="another", horizon=5))
    assert other.bundle.digest != FakeRuntime(fake_bundle()).bundle.digest
    watcher = Watcher()
    async with running(other, reopen(), watcher) as engine:
        answers = await send(engine, ("a", 20.0, 20))
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(21.0), runtime=other)[-1])
    assert watcher.rebuilds == [(1, 20)]


class Forgetful(MemoryJournal):
    """Keeps the newest readings only."""

    keeps = 5

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, np.ndarray]:
        checkpoint, values = super().load(key, digest, until, most)
        return checkpoint, values[-self.keeps :]


async def test_a_state_that_cannot_be_rebuilt_is_an_error_by_name_and_never_a_fresh_one() -> None:
    journal = Forgetful(1)
    async with running(journal=journal) as engine:
        await engine.create("a", START, column(*range(20)))
        await engine.create("b", START, column(1.0))
    async with running(FakeRuntime(fake_bundle(name="another")), journal) as engine:
        answers = await send(engine, ("a", 20.0, 20), ("b", 2.0, 1))
        assert codes(answers) == ["state_lost", None]
        assert answers.last_steps.tolist() == [19, 1]
        with pytest.raises(StateLost):
            await engine.peek("a")
        assert (await engine.session("a")).last_step == 19
        assert (await engine.create("a", START, column(*range(20)), replace=True)).revision == 2
        assert codes(await send(engine, ("a", 20.0, 20))) == [None]


async def test_a_long_rebuild_takes_turns_with_the_stream_and_holds_only_its_own_session() -> None:
    journal = memory()
    values = np.arange(1_000.0)
    async with running(journal=journal) as engine:
        await engine.create("old", START, column(*values))
        for name in "ab":
            await engine.create(name, START, column(1.0))
    runtime, watcher = FakeRuntime(fake_bundle(name="another")), Watcher()
    async with running(runtime, journal, watcher, chunk=10) as engine:
        gate = runtime.gate = Turnstile()
        held = asyncio.create_task(send(engine, ("a", 2.0, 1), ("old", 1_000.0, 1_000)))
        behind = asyncio.create_task(send(engine, ("a", 3.0, 2)))
        looks = asyncio.create_task(engine.peek("old"))
        await blocked(runtime)
        for step in (1, 2, 3):
            reading = asyncio.create_task(send(engine, ("b", float(step), step)))
            for _ in range(6):  # runs until it is answered, at most: a few, and not the hundred of the rebuild
                await asyncio.sleep(0)
                gate.let(1)
                await blocked(runtime)
            assert codes(await asyncio.wait_for(reading, 30)) == [None]
        assert not held.done()
        assert not behind.done()
        assert not looks.done()
        gate.set()
        answers = await held
        np.testing.assert_array_equal(
            answers.quantiles[answers.rows[1]], alone(np.arange(1_001.0), runtime=runtime)[-1]
        )
        assert codes(await behind) == [None]
        view, _ = await looks
        assert view.last_step in (999, 1_000)
        assert len(runs(runtime, "sequence")) >= 100
    assert (1, 1_000) in watcher.rebuilds


async def test_a_session_deleted_while_it_is_rebuilt_is_unknown_and_holds_nobody() -> None:
    journal = memory()
    async with running(journal=journal) as engine:
        await engine.create("old", START, column(*range(500)))
        await engine.create("a", START, column(1.0))
    runtime = FakeRuntime(fake_bundle(name="another"))
    async with running(runtime, journal, chunk=10) as engine:
        runtime.gate.clear()
        held = asyncio.create_task(send(engine, ("a", 2.0, 1), ("old", 1.0, 500)))
        await blocked(runtime)
        deleted = asyncio.create_task(engine.delete("old"))
        await asyncio.sleep(0)
        runtime.gate.set()
        await deleted
        assert codes(await held) == [None, "unknown_session"]


async def test_a_rebuild_that_fails_is_told_and_tried_again() -> None:
    journal = memory()
    async with running(journal=journal) as engine:
        await engine.create("old", START, column(*range(100)))
    runtime = FakeRuntime(fake_bundle(name="another"))
    async with running(runtime, journal, chunk=10) as engine:
        runtime.raise_on = 50.0
        assert codes(await send(engine, ("old", 100.0, 100))) == ["model_failed"]
        runtime.raise_on = None
        answers = await send(engine, ("old", 100.0, 100))
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(101.0), runtime=runtime)[-1])
