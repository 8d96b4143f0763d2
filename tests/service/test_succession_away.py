"""What does not end a model that follows: a journal that is away, a session that is gone, or cannot be forecast."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from service import rebuilding
from service.errors import JournalError, UnknownSession
from service.faults import again
from service.journal.memory import MemoryJournal
from tests.service.engines import START, Watcher, blocked, column, named, running, turn
from tests.service.succession import deploy, expected, new, old
from tests.service.test_succession import streamed, wave


@pytest.fixture(autouse=True)
def _few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that one that is on its way has to ask the journal again."""
    monkeypatch.setattr(rebuilding, "FETCHED", 4)


class AwayJournal(MemoryJournal):
    """Cannot be read while it is away."""

    away, asked, error = False, 0, JournalError("it does not answer")

    def load(self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None) -> Any:
        self._look()
        return super().load(key, digest, until, most)

    def readings(self, key: int, first: int, last: int) -> Any:
        self._look()
        return super().readings(key, first, last)

    def _look(self) -> None:
        if self.away:
            self.asked += 1
            raise again(self.error)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_journal_that_cannot_be_read_for_a_while_is_no_fault_of_the_candidate(begun: bool) -> None:
    journal, values, watcher = AwayJournal(1), wave(60), Watcher()
    async with running(old(), journal, watcher, chunk=4, history_batch=1, probe_seconds=0.02) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:50])
        journal.away = not begun
        candidate = new()
        if begun:
            candidate.gate.clear()
        await engine.models.follow(candidate)
        waiting = asyncio.ensure_future(engine.models.level())
        if begun:  # on its way, when more comes that it has to fetch at the end
            await blocked(candidate)
            sent = asyncio.ensure_future(streamed(engine, "a", values[50:]))
            await asyncio.sleep(0)
            journal.away = True
            candidate.gate.set()
            await sent
        while journal.asked < 3:
            await asyncio.sleep(0.01)
        assert journal.asked < 100, "it is asked now and then, and not again and again"
        assert not waiting.done()
        assert (False, "it does not answer") in watcher.states
        journal.away = False
        await asyncio.wait_for(waiting, 30)
        await engine.models.promote()
        last = 60 if begun else 50
        _, forecast = await engine.peek("a")
        np.testing.assert_allclose(forecast, expected(new(), values[:last])[-1], rtol=1e-5)


async def test_a_session_that_another_process_has_deleted_meanwhile_is_no_fault_of_the_candidate() -> None:
    journal, values = AwayJournal(1), wave(60)
    async with running(old(), journal, chunk=4, history_batch=1) as engine:
        await engine.create("b", START, column(*values[:9]))
        await named(engine, "a")
        await streamed(engine, "a", values[:50])
        candidate = new()
        candidate.gate.clear()
        await engine.models.follow(candidate)
        waiting = asyncio.ensure_future(engine.models.level())
        await blocked(candidate)
        sent = asyncio.ensure_future(streamed(engine, "a", values[50:]))
        await asyncio.sleep(0)
        journal.error, journal.away = UnknownSession("it was deleted"), True
        candidate.gate.set()
        await sent
        await asyncio.wait_for(waiting, 30)
        assert journal.asked > 0
        journal.away = False
        await engine.models.promote()
        for name, count in (("a", 60), ("b", 9)):
            forecast = (await engine.peek(name))[1]
            np.testing.assert_allclose(forecast, expected(new(), values[:count])[-1], rtol=1e-5)


@pytest.mark.parametrize("at_hand", [True, False])
async def test_a_session_that_the_model_before_cannot_forecast_does_not_take_the_way_back_of_the_others(
    at_hand: bool,
) -> None:
    values, first = wave(12), old()
    async with running(first, max_resident=8 if at_hand else 2) as engine:
        for name in ("a", "b", "c"):
            await engine.create(name, START, column(*values[:6]))
            await streamed(engine, name, values[6:7])
        await deploy(engine, new())
        await engine.models.promote()
        first.nan_on = 77.0
        await streamed(engine, "a", [77.0])
        for name in ("b", "c", "a"):
            await streamed(engine, name, values[7:])
        await turn(engine)
        assert engine.follower is not None
        assert engine.follower.error is None
        await engine.models.rollback()
        for name in ("b", "c"):
            np.testing.assert_allclose((await engine.peek(name))[1], expected(old(), values)[-1], rtol=1e-5)
        first.nan_on = None
        whole = [*values[:7], 77.0, *values[7:]]
        np.testing.assert_allclose((await engine.peek("a"))[1], expected(old(), whole)[-1], rtol=1e-5)
