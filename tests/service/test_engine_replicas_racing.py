"""Sessions that other replicas delete, make anew, take back or move on while one has something else in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from service.errors import SessionExists, UnknownSession
from service.journal import Beginning, Checkpoint, Head
from service.journal.memory import MemoryJournal
from service.past_errors import HistoryGone
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import START, alone, blocked, codes, column, frame, running, send, turn
from tests.service.shared import replicas
from tests.service.succession import deploy, expected, new, old
from tests.service.test_engine_corrections import fixed, state_after
from tests.service.test_engine_replicas import forecast_of, kept


async def test_a_session_that_was_made_anew_elsewhere_is_not_begun_over_it() -> None:
    async with replicas(2) as ((one, two), journal):
        await one.create("a", None, column())
        await two.session("a")
        await one.delete("a")
        await one.create("a", START, column(1, 2, 3))
        answers = await two.observe(frame(("a", 9, None, START)))
        assert codes(answers) == ["conflict"]
        assert kept(journal, "a") == [1, 2, 3]


async def test_what_was_deleted_elsewhere_is_unknown_and_fails_no_neighbour() -> None:
    async with replicas(2) as ((one, two), journal):
        for name in ("born", "unborn", "neighbour"):
            await one.create(name, None if name == "unborn" else START, column(*(() if name == "unborn" else (1, 2))))
            await two.session(name)
        for name in ("born", "unborn"):
            await one.delete(name)
        for at, (old, step) in enumerate((("born", 0), ("born", 1), ("born", 2), ("unborn", None))):
            item = (old, 1.0, step, START if step is None else None)
            answers = await two.observe(frame(item, ("neighbour", float(at), 2 + at)))
            assert codes(answers) == ["unknown_session", None], item
        assert kept(journal, "neighbour") == [1, 2, 0, 1, 2, 3]


async def test_what_was_taken_back_or_made_anew_elsewhere_is_replayed_from_there() -> None:
    """By who had it at hand no more, and takes a reading without a step, which is always the next one."""
    async with replicas(2, max_resident=1) as ((one, two), journal):
        for again in (False, True):
            await one.create("a", START, column(*range(9)), replace=True)
            await one.create("b", START, column(0), replace=True)
            await send(two, ("a", 9), ("b", 1))
            assert (await two.peek("b"))[0].last_step == 1
            if again:
                await one.delete("a")
                await one.create("a", START, column(5, 6))
            else:
                await one.changes.rewind("a", 1)
            answers = await send(two, ("a", 7))
            assert codes(answers) == [None], again
            values = [5, 6, 7] if again else [0, 1, 7]
            np.testing.assert_array_equal(forecast_of(answers), alone(values)[-1])
            assert kept(journal, "a") == values


class RestlessJournal(MemoryJournal):
    """Something happens after each look at a session, as other processes do."""

    shared = True

    def __init__(self) -> None:
        super().__init__(1)
        self.then: list[Callable[[], object]] = []
        self.anew = False

    def renewed(self) -> bool:
        renewed, self.anew = self.anew, False
        return renewed

    def head(self, name: str) -> Head | None:
        found = super().head(name)
        if self.then:
            self.then.pop(0)()
        return found


async def test_a_session_that_somebody_makes_at_this_moment_is_not_replaced_unless_that_was_asked() -> None:
    journal = RestlessJournal()
    async with running(journal=journal) as engine:
        make, end = (lambda: journal.create(Beginning("a", START, "", column(1, 2)))), (lambda: journal.delete("a"))
        journal.then = [make]
        with pytest.raises(SessionExists):
            await engine.create("a", START, column())
        assert kept(journal, "a") == [1, 2]
        for then in ([end], [end, make], [end, make, end], [lambda: None, end], [lambda: None, end, make]):
            journal.then = then
            assert (await engine.create("a", START, column(), replace=True)).created
            assert kept(journal, "a") == []
            await engine.create("a", START, column(5), replace=True)


async def test_a_state_that_was_rebuilt_while_others_went_on_is_not_taken_for_where_they_are() -> None:
    async with replicas(2, max_resident=1) as ((one, two), _):
        await two.create("a", START, column(0))
        await two.create("b", START, column(0))
        await send(one, *(("a", float(value)) for value in range(1, 40)))
        assert isinstance(two.runtime, FakeRuntime)
        two.runtime.entered.clear()
        two.runtime.gate.clear()
        looking = asyncio.create_task(two.peek("a"))  # takes some chunks to be rebuilt
        await blocked(two.runtime)
        await send(one, ("a", 40, 40))
        where = asyncio.create_task(two.session("a"))  # asked for between two chunks
        await asyncio.sleep(0)
        two.runtime.gate.set()
        assert (await where).last_step == 40
        view, forecast = await looking
        assert view.last_step == 40
        np.testing.assert_array_equal(forecast, alone(range(41))[-1])
        answers = await send(two, ("a", 41, 41))
        np.testing.assert_array_equal(forecast_of(answers), alone(range(42))[-1])


async def test_a_model_that_follows_forgets_what_a_failover_has_undone_too() -> None:
    journal = RestlessJournal()
    async with running(old(), journal) as engine:
        await engine.create("a", START, column(0, 1, 2))
        await send(engine, ("a", 3))
        candidate = new()
        await deploy(engine, candidate)
        head = journal.head("a")
        journal.revise(head.key, 1, 3, 2, column(20, 30))
        journal._heads.revision[journal._heads.slot(head.key)] = 1  # the server that has lost 2 and 3 cannot tell
        journal.anew = True
        await turn(engine)
        values = [0, 1, 20, 30, 4]
        np.testing.assert_array_equal(forecast_of(await send(engine, ("a", 4))), expected(old(), values)[-1])
        await engine.models.level()
        await engine.models.promote()
        np.testing.assert_array_equal((await engine.peek("a"))[1], expected(candidate, values)[-1])


async def test_who_corrects_what_others_let_go_of_at_this_moment_is_told_so() -> None:
    journal, runtime = RestlessJournal(), FakeRuntime(fake_bundle())
    async with running(runtime, journal) as engine:
        await engine.create("a", START, column(*range(20)))
        key = journal.head("a").key
        base = Checkpoint(9, 1, runtime.bundle.digest, state_after(range(10)))
        journal.then = [lambda: journal.retain(key, 1, 10, [base])]
        with pytest.raises(HistoryGone):
            await engine.changes.correct("a", fixed((5, 50.0)))
        await engine.changes.correct("a", fixed((15, 150.0)))
        values = [150.0 if at == 15 else float(at) for at in range(20)]
        np.testing.assert_array_equal((await engine.peek("a"))[1], alone(values)[-1])


async def test_whoever_looks_is_answered_of_the_session_that_was_asked_for() -> None:
    """Others delete it between two looks that are answered together, and another one comes in its place."""
    journal, runtime = RestlessJournal(), FakeRuntime(fake_bundle())
    async with running(runtime, journal) as engine:
        for name in ("a", "b"):
            await engine.create(name, START, column(ord(name)))
        await engine.delete("b")
        journal.create(Beginning("b", START, "", column(7, 8)))
        for _ in range(3):
            runtime.gate.clear()
            runtime.entered.clear()
            first = asyncio.create_task(engine.peek("a"))  # holds the engine while the others come
            await blocked(runtime)
            looks = [asyncio.create_task(engine.peek(name)) for name in ("a", "a", "b")]
            await asyncio.sleep(0)
            journal.then = [lambda: journal.delete("a")]
            runtime.gate.set()
            await first
            for look, name in zip(looks, ("a", "a", "b"), strict=True):
                try:
                    view, forecast = await look
                except UnknownSession:
                    assert name == "a"
                    continue
                assert view.name == name
                np.testing.assert_array_equal(forecast, alone([7, 8] if name == "b" else [97])[-1])
            journal.then = []
            await engine.create("a", START, column(97), replace=True)
            await engine.delete("b")
            journal.create(Beginning("b", START, "", column(7, 8)))
