"""Sessions that were silent for longer than they live: all that comes for them says so, until they are replaced."""

from __future__ import annotations

import numpy as np
import pytest

from service.engine import Engine
from service.errors import UnknownSession
from service.journal import Wanted
from service.journal.memory import MemoryJournal
from service.past_errors import SessionExpired
from tests.service.engines import START, Clock, alone, codes, column, send, turn
from tests.service.retaining import Keeper, Wall, keeping, settle

HOUR = 3_600


async def pass_by(engine: Engine, wall: Wall, clock: Clock, seconds: float) -> None:
    wall.now += seconds
    await settle(engine, clock, 4)


async def test_a_session_expires_and_is_never_answered_with_a_fresh_one() -> None:
    wall, clock, watcher = Wall(), Clock(), Keeper()
    journal = MemoryJournal(1, wall)
    async with keeping(journal, clock, watcher=watcher, wall=wall) as engine:
        made = await engine.create("a", START, column(1.0, 2.0), ttl=HOUR)
        await engine.create("b", START, column(1.0))
        assert (made.ttl, (await engine.session("b")).ttl) == (HOUR, 0)
        await pass_by(engine, wall, clock, HOUR - 1)
        assert codes(await send(engine, ("a", 3.0, 2))) == [None], "it is alive, and lives on from here"
        await pass_by(engine, wall, clock, HOUR - 1)
        assert (await engine.session("a")).last_step == 2
        await pass_by(engine, wall, clock, 61)
        assert watcher.lapsed == 1
        answers = await send(engine, ("a", 4.0, 3), ("b", 2.0, 1), ("a", 4.0))
        assert codes(answers) == ["expired", None, "expired"]
        facts = answers.errors[0].facts  # type: ignore[union-attr]
        assert facts == {"last_step": 2, "expired_at": "2023-11-15T00:13:19Z"}
        for asked in (engine.session("a"), engine.peek("a"), engine.regime("a"), engine.gates("a")):
            with pytest.raises(SessionExpired):
                await asked
        with pytest.raises(SessionExpired):
            await engine.create("a", START, column(1.0, 2.0), ttl=HOUR)
        assert codes(await send(engine, ("a", 4.0, 3))) == ["expired"]


async def test_an_expired_session_begins_anew_when_it_is_replaced_and_not_otherwise() -> None:
    wall, clock = Wall(), Clock()
    journal = MemoryJournal(1, wall)
    async with keeping(journal, clock, wall=wall) as engine:
        await engine.create("a", START, column(1.0, 2.0), ttl=HOUR)
        await pass_by(engine, wall, clock, HOUR + 61)
        anew = await engine.create("a", START, column(5.0), replace=True)
        assert (anew.created, anew.last_step, anew.ttl) == (True, 0, 0)
        answers = await send(engine, ("a", 6.0, 1))
        np.testing.assert_array_equal(answers.quantiles[0], alone([5.0, 6.0])[-1])


async def test_an_expired_session_can_be_deleted() -> None:
    wall, clock = Wall(), Clock()
    journal = MemoryJournal(1, wall)
    async with keeping(journal, clock, wall=wall) as engine:
        await engine.create("a", START, column(1.0), ttl=HOUR)
        await pass_by(engine, wall, clock, HOUR + 61)
        await engine.delete("a")
        with pytest.raises(UnknownSession):
            await engine.session("a")
        with pytest.raises(UnknownSession):
            await engine.delete("a")


async def test_the_ttl_is_that_of_the_request_that_made_the_session() -> None:
    wall, clock = Wall(), Clock()
    async with keeping(MemoryJournal(1, wall), clock, wall=wall, session_ttl_seconds=100) as engine:
        assert (await engine.create("a", START, column())).ttl == 100
        assert (await engine.create("never", START, column(), ttl=0)).ttl == 0
        assert (await engine.create("own", START, column(), ttl=7)).ttl == 7
        again = await engine.create("own", START, column(), ttl=9)
        assert (again.created, again.ttl) == (False, 7)
        assert (await engine.create("own", START, column(), ttl=9, replace=True)).ttl == 9


async def test_a_session_without_a_start_keeps_its_ttl_when_its_first_reading_comes() -> None:
    wall, clock = Wall(), Clock()
    async with keeping(MemoryJournal(1, wall), clock, wall=wall) as engine:
        await engine.create("a", None, column(), ttl=HOUR)
        assert codes(await send(engine, ("a", 1.0, None, START))) == [None]
        assert (await engine.session("a")).ttl == HOUR
        await pass_by(engine, wall, clock, HOUR + 61)
        assert codes(await send(engine, ("a", 1.0))) == ["expired"]


async def test_a_short_life_ends_soon_after_its_time_and_a_restart_changes_nothing() -> None:
    wall, clock = Wall(), Clock()
    journal = MemoryJournal(1, wall)
    async with keeping(journal, clock, wall=wall) as engine:
        await engine.create("short", START, column(1.0), ttl=20)
        await settle(engine, clock, 4)
        await pass_by(engine, wall, clock, 22.5)
        assert codes(await send(engine, ("short", 1.0))) == ["expired"]
        await engine.create("a", START, column(1.0), ttl=HOUR)
    wall.now += 2 * HOUR
    async with keeping(journal, clock, wall=wall) as engine:
        await settle(engine, clock, 4)
        assert codes(await send(engine, ("short", 1.0), ("a", 2.0))) == ["expired", "expired"]


async def test_a_clock_that_is_set_back_does_not_put_it_off() -> None:
    wall, clock = Wall(), Clock()
    journal = MemoryJournal(1, wall)
    async with keeping(journal, clock, wall=wall) as engine:
        await pass_by(engine, wall, clock, 0)
        wall.now -= 100 * HOUR
        await engine.create("a", START, column(1.0), ttl=HOUR)
        await pass_by(engine, wall, clock, 1)
        await pass_by(engine, wall, clock, HOUR + 61)
        assert codes(await send(engine, ("a", 1.0))) == ["expired"]


class SharedJournal(MemoryJournal):
    """As if other processes had it too."""

    shared = True


async def test_a_session_that_another_process_let_expire_is_answered_so_here() -> None:
    wall, clock = Wall(), Clock()
    journal = SharedJournal(1, wall)
    async with keeping(journal, clock, wall=wall) as engine:
        for name in "abc":
            await engine.create(name, START, column(1.0), ttl=HOUR)
        await settle(engine, clock, 2)
        journal.expire(wall.now + HOUR, 9)
        assert codes(await send(engine, ("a", 2.0, 1))) == ["expired"]
        with pytest.raises(SessionExpired):
            await engine.session("b")
        await engine.delete("c")
        assert journal.head("c") is None


async def test_many_expire_in_pieces() -> None:
    wall, clock, watcher = Wall(), Clock(), Keeper()
    journal = MemoryJournal(1, wall)
    async with keeping(journal, clock, watcher=watcher, wall=wall) as engine:
        for at in range(200):
            await engine.create(f"s{at}", START, column(1.0), ttl=HOUR)
        wall.now += HOUR + 61
        await settle(engine, clock, 12)
        assert watcher.lapsed == 200
        assert len(journal.listing(Wanted(limit=999, expired=True))) == 200


async def test_what_the_journal_takes_is_told_now_and_then() -> None:
    clock, watcher = Clock(), Keeper()
    async with keeping(MemoryJournal(1), clock, watcher=watcher) as engine:
        await settle(engine, clock, 4)
        await engine.create("a", START, column(*range(100)))
        clock.now += 60
        await settle(engine, clock, 4)
        assert watcher.takes[0] == (0, 0)
        size, sessions = watcher.takes[-1]
        assert size >= 800
        assert sessions == 1
        assert len(watcher.takes) == 2


async def test_sessions_are_listed_by_name_a_piece_at_a_time() -> None:
    wall, clock = Wall(), Clock()
    async with keeping(MemoryJournal(1, wall), clock, wall=wall) as engine:
        for at in range(5):
            await engine.create(f"s{at}", START if at else None, column(), ttl=HOUR if at == 3 else None)
        await pass_by(engine, wall, clock, HOUR + 61)
        await send(engine, ("s1", 1.0))
        views = await engine.sessions(Wanted(after="s0", limit=2))
        assert [(view.name, view.last_step, view.seen) for view in views] == [
            ("s1", 0, wall.now),
            ("s2", -1, wall.now - HOUR - 61),
        ]
        gone = await engine.sessions(Wanted(expired=True))
        assert [(view.name, view.expired) for view in gone] == [("s3", True)]
        idle = await engine.sessions(Wanted(expired=False), idle_seconds=HOUR)
        assert [view.name for view in idle] == ["s0", "s2", "s4"]
        assert idle[0].start is None
        assert len(await engine.sessions(Wanted(limit=10**6))) == 5
        await turn(engine)
