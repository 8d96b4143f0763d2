"""A session that ends takes with it all that was remembered of it: one made anew under its name inherits nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from service.engine import Engine
from service.journal.memory import MemoryJournal
from service.retention import Retention
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import START, Clock, codes, column, frame, memory, named, running, send
from tests.service.retaining import Wall, keeping, settle
from tests.service.test_engine_gaps import fill

End = Callable[[Engine], Awaitable[object]]


async def delete_and_make_anew(engine: Engine) -> None:
    await engine.delete("a")
    await named(engine, "a")


async def erase_and_make_anew(engine: Engine) -> None:
    await engine.changes.erase("a")
    await named(engine, "a")


async def replace(engine: Engine) -> None:
    await engine.create("a", START, column(), replace=True)


async def delete_and_fork_another_one(engine: Engine) -> None:
    await engine.delete("a")
    await engine.changes.fork("b", "a")


async def take_another_one_in(engine: Engine) -> None:
    await engine.changes.take_in("a", await engine.changes.export("b", "b"), replace=True)


ENDS = [delete_and_make_anew, erase_and_make_anew, replace, delete_and_fork_another_one, take_another_one_in]


@pytest.mark.parametrize("end", ENDS)
async def test_a_session_made_anew_owes_nothing(end: End) -> None:
    async with running() as engine:
        await named(engine, "a", "b")
        engine.owe(frame(("a", 1.0, 3)))
        assert codes(await fill(engine, ("a", 2.0, 5))) == ["gap"], "the place of step 3 is kept"
        await end(engine)
        answers = await fill(engine, ("a", 2.0, 5))
        assert codes(answers) == [None]
        assert answers.filled is not None
        assert answers.filled.tolist() == [5]


async def test_what_an_expired_session_was_owed_is_forgotten() -> None:
    clock, wall = Clock(), Wall()
    async with keeping(MemoryJournal(1, wall), clock, wall=wall) as engine:
        await engine.create("a", START, column(), ttl=60)
        engine.owe(frame(("a", 1.0, 3)))
        wall.now += 100
        await settle(engine, clock, 3)
        assert codes(await send(engine, ("a", 1.0, 0))) == ["expired"]
        assert not engine._room.owed._places


async def test_a_row_that_another_session_has_now_is_not_let_go_of_in_its_stead() -> None:
    journal, clock, runtime = MemoryJournal(1), Clock(), FakeRuntime(fake_bundle())
    bounds = {"chunk": 4, "history_batch": 1, "keep_readings": 4, "keep_slack": 4, "keep_seconds": 0.001}
    async with keeping(journal, clock, runtime, **bounds) as engine:
        for name in "abc":
            await engine.create(name, START, column(*range(50)))
        retention = next(each for each in engine._core.chores._line if isinstance(each, Retention))
        while not retention._due:
            await settle(engine, clock, 1)
        for row in list(retention._due):
            await engine.delete(engine._core.table.name(row))
        for name in "xyz":
            await engine.create(name, START, column(1.0, 2.0))
        await settle(engine, clock, 60)
        for name in "xyz":
            head = journal.head(name)
            assert head is not None
            assert journal.load(head.key, None, 0)[0] is None, "nothing was put before its first reading"


async def test_of_many_sessions_that_were_owed_and_deleted_nothing_is_left() -> None:
    async with running(journal=memory(), sessions_per_tenant=100) as engine:
        for at in range(20):
            await named(engine, f"s{at}")
            assert codes(await fill(engine, (f"s{at}", 1.0, 10**6))) == ["gap"]
        assert len(engine._room.owed._places) == 20
        for at in range(20):
            await engine.delete(f"s{at}")
        assert (len(engine._room.owed._places), engine._room.owed._count) == (0, 0)
        assert len(engine._core.table) == 0
        assert not engine._core.registry.behind
