"""Sessions are not slots and states are a cache: they leave, come back, survive restarts, and are never made up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from service.journal import Beginning, open_journal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    START,
    Watcher,
    alone,
    codes,
    column,
    memory,
    running,
    send,
    turn,
)


async def test_more_sessions_than_the_arena_holds_leave_and_come_back_unharmed() -> None:
    watcher = Watcher()
    names = [str(at) for at in range(40)]
    async with running(observer=watcher, max_resident=4, checkpoint_every=5) as engine:
        for name in names:
            await engine.create(name, START, column())
        for step in range(7):
            for name in names:
                answers = await send(engine, (name, step + float(name), step))
                np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(step + 1) + float(name))[-1])
            assert engine.vitals.resident <= 4
    assert sum(watcher.evictions) >= 7 * 36
    assert sum(readings for _, readings in watcher.rebuilds) == 0  # each left with a checkpoint


async def test_a_frame_of_more_sessions_than_the_arena_holds_is_worked_off() -> None:
    async with running(max_resident=3) as engine:
        names = [str(at) for at in range(10)]
        for name in names:
            await engine.create(name, START, column())
        for step in range(2):
            answers = await send(engine, *((name, float(name), step) for name in names))
            assert codes(answers) == [None] * 10
            for at, row in enumerate(answers.rows):
                np.testing.assert_array_equal(answers.quantiles[row], alone([float(at)] * (step + 1))[-1])


async def test_the_session_silent_longest_leaves_first() -> None:
    journal = memory()
    async with running(journal=journal, max_resident=3) as engine:
        for name in "abcd":
            await engine.create(name, START, column())
        for name in "abcab":
            await send(engine, (name, 1.0))
        await send(engine, ("d", 1.0))
        left = [name for name in "abcd" if journal.load(journal.head(name).key)[0] is not None]
        assert left == ["c"]


async def test_a_session_of_the_batch_never_leaves_to_make_room_for_another_one_of_it() -> None:
    names = [str(at) for at in range(33)]
    async with running(max_resident=32) as engine:
        for name in names:
            await engine.create(name, START, column())
        await send(engine, *((name, 1.0) for name in names[:32]))
        answers = await send(engine, *((name, 1.0) for name in names[1:]))
        assert codes(answers) == [None] * 32
        assert engine.vitals.resident == 32
        for name in names[1:]:
            step = (await engine.session(name)).last_step
            np.testing.assert_array_equal((await engine.peek(name))[1], alone([1.0] * (step + 1))[-1])


async def test_a_state_that_has_not_moved_since_its_checkpoint_is_not_saved_again() -> None:
    watcher = Watcher()
    async with running(observer=watcher, max_resident=1) as engine:
        for name in "abc":
            await engine.create(name, START, column(1.0, 2.0))
        for name in "abcabc":
            await engine.peek(name)
    assert sum(watcher.evictions) == 8
    assert watcher.saved == 0


async def test_idle_sessions_block_nobody() -> None:
    runtime = FakeRuntime(fake_bundle())
    journal = memory()
    for at in range(20_000):
        journal.create(Beginning(f"idle-{at}", START, "", np.empty((0, 1))))
    async with running(runtime, journal, max_resident=2) as engine:
        await engine.create("new", START, column())
        assert codes(await send(engine, ("new", 1.0), ("idle-19999", 1.0), ("idle-0", 1.0))) == [None] * 3
        assert engine.vitals.resident == 2
        assert len(runtime.log) == 2


async def test_checkpoints_are_saved_in_groups_and_the_rest_when_idle() -> None:
    watcher = Watcher()
    names = [str(at) for at in range(9)]
    async with running(observer=watcher, checkpoint_every=3, checkpoint_group=4, idle_seconds=0.001) as engine:
        for name in names:
            await engine.create(name, START, column())
        for _ in range(2):
            await send(engine, *((name, 1.0) for name in names))
        await turn(engine)
        assert watcher.saved == 0
        await send(engine, *((name, 1.0) for name in names))
        while watcher.saved < 9:
            await asyncio.sleep(0.001)
    assert watcher.saved == 9


async def test_a_tail_beyond_its_bound_is_folded_though_nobody_is_idle(tmp_path: Path) -> None:
    watcher = Watcher()
    journal = open_journal(f"sqlite:{tmp_path / 'journal.sqlite'}", 1, "1h", "process")
    async with running(journal=journal, observer=watcher, max_tail=20, fold_slice=8, idle_seconds=1e6) as engine:
        await engine.create("a", START, column())
        for _ in range(6):
            await send(engine, *[("a", 1.0)] * 10)
        await turn(engine)
        folded = list(watcher.tail)
    assert folded
    assert all(left <= 30 for left in folded)
    assert watcher.tail[-1] == 0


async def test_an_idle_engine_folds_its_tail(tmp_path: Path) -> None:
    watcher = Watcher()
    journal = open_journal(f"sqlite:{tmp_path / 'journal.sqlite'}", 1, "1h", "process")
    async with running(journal=journal, observer=watcher, fold_slice=8, idle_seconds=0.001) as engine:
        await engine.create("a", START, column())
        await send(engine, *[("a", 1.0)] * 100)
        async with asyncio.timeout(60):
            while len(watcher.tail) < 13 or watcher.tail[-1] > 0:  # 100 readings, 8 at a time
                await asyncio.sleep(0.001)
