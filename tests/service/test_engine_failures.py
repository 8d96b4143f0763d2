"""The traps that other servers fell into, each with what this engine does instead."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from service.errors import InternalError, JournalError, Overloaded, TooManyReadings
from service.journal import Head, Readings
from service.journal.memory import MemoryJournal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    START,
    Clock,
    Turnstile,
    Watcher,
    alone,
    blocked,
    codes,
    column,
    memory,
    named,
    running,
    send,
    turn,
)


class FailingJournal(MemoryJournal):
    """Its disk is full while `full`, and its bookkeeping broken while `broken`."""

    full = False
    broken = False

    def append(self, readings: Readings) -> np.ndarray:
        if self.full:
            raise JournalError("the disk is full")
        if self.broken:
            raise OSError("an error that nobody foresaw")
        return super().append(readings)

    def save(self, keys: np.ndarray, checkpoints: list) -> None:
        if self.full:
            raise JournalError("the disk is full")
        super().save(keys, checkpoints)


async def test_a_cancelled_caller_leaves_no_neighbour_waiting() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, *"abcd")
        runtime.gate.clear()
        running_one = asyncio.create_task(send(engine, ("a", 1.0)))
        await blocked(runtime)
        waiting_one = asyncio.create_task(send(engine, ("b", 1.0)))
        neighbours = [asyncio.create_task(send(engine, (name, 1.0))) for name in "cd"]
        await asyncio.sleep(0)
        running_one.cancel()
        waiting_one.cancel()
        await asyncio.sleep(0)
        runtime.gate.set()
        for answers in await asyncio.wait_for(asyncio.gather(*neighbours), 30):
            assert codes(answers) == [None]
        places = [(await engine.session(name)).last_step for name in "abcd"]
        assert places == [0, -1, 0, 0]  # what ran is recorded, what only waited is not


async def test_a_caller_cancelled_while_its_batch_runs_leaves_no_neighbour_waiting() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, *"abcd")
        gate = runtime.gate = Turnstile()
        first = asyncio.create_task(send(engine, ("a", 1.0)))
        await blocked(runtime)
        together = [asyncio.create_task(send(engine, (name, 1.0))) for name in "bcd"]
        await asyncio.sleep(0)
        gate.let(1)
        await blocked(runtime)
        together[0].cancel()
        await asyncio.sleep(0)
        gate.set()
        for answers in await asyncio.wait_for(asyncio.gather(first, *together[1:]), 30):
            assert codes(answers) == [None]


async def test_a_caller_whose_loop_has_ended_harms_nobody() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, "a", "b")
        runtime.gate.clear()

        def elsewhere() -> None:
            async def leave() -> None:
                asyncio.create_task(send(engine, ("a", 1.0)))  # noqa: RUF006
                await asyncio.to_thread(runtime.entered.wait, 30)

            asyncio.run(leave())

        await asyncio.to_thread(elsewhere)
        runtime.gate.set()
        assert codes(await send(engine, ("b", 1.0))) == [None]


async def test_a_forecast_that_is_not_finite_is_a_named_error_and_commits_neither_reading_nor_state() -> None:
    runtime = FakeRuntime(fake_bundle())
    runtime.nan_on = 13.0
    async with running(runtime) as engine:
        for name in "ab":
            await engine.create(name, START, column(1.0))
        answers = await send(engine, ("a", 13.0, 1), ("b", 2.0, 1))
        assert codes(answers) == ["non_finite_forecast", None]
        assert answers.last_steps.tolist() == [0, 1]
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 2.0])[-1])
        answers = await send(engine, ("a", 2.0, 1))
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 2.0])[-1])
        assert engine.ready


@pytest.mark.parametrize("at", range(5))
async def test_one_spoilt_reading_of_a_turn_does_not_take_those_before_it_along(at: int) -> None:
    runtime = FakeRuntime(fake_bundle())
    runtime.nan_on = 13.0
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    values[at] = 13.0
    async with running(runtime) as engine:
        await engine.create("a", START, column())
        answers = await send(engine, *(("a", value, step) for step, value in enumerate(values)))
        assert codes(answers) == [None] * at + ["non_finite_forecast"] + ["gap"] * (4 - at)
        assert (await engine.session("a")).last_step == at - 1
        if at:
            np.testing.assert_array_equal(answers.quantiles[answers.rows[at - 1]], alone(values[:at])[-1])
            np.testing.assert_array_equal((await engine.peek("a"))[1], alone(values[:at])[-1])
        for error in answers.errors[at + 1 :]:
            assert error.facts["expected_step"] == at


async def test_a_repeat_before_a_spoilt_reading_keeps_its_forecast() -> None:
    runtime = FakeRuntime(fake_bundle())
    runtime.nan_on = 13.0
    async with running(runtime) as engine:
        await engine.create("a", START, column(1.0))
        answers = await send(engine, ("a", 1.0, 0), ("a", 13.0, 1), ("a", 13.0, 1))
        assert codes(answers) == [None, "non_finite_forecast", "gap"]
        assert answers.repeated.tolist() == [True, False, False]
        np.testing.assert_array_equal(answers.quantiles[answers.rows[0]], alone([1.0])[0])


async def test_the_queue_is_bounded_and_overflow_is_told_at_once() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, max_waiting=10, retry_after_seconds=3) as engine:
        await named(engine, "a", "b")
        runtime.gate.clear()
        first = asyncio.create_task(send(engine, ("a", 1.0)))
        await blocked(runtime)
        second = asyncio.create_task(send(engine, *[("b", 1.0)] * 9))
        await asyncio.sleep(0)
        assert engine.waiting == (10, 0)
        for call in (send(engine, ("a", 2.0)), engine.session("a"), engine.peek("a")):
            with pytest.raises(Overloaded) as full:
                await call
            assert full.value.facts == {"retry_after_seconds": 3}
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        third = asyncio.create_task(send(engine, *[("b", 2.0)] * 9))  # whoever leaves makes room
        await asyncio.sleep(0)
        runtime.gate.set()
        assert codes(await first) == [None]
        assert codes(await third) == [None] * 9
        assert engine.waiting == (0, 0)
        with pytest.raises(TooManyReadings):
            await send(engine, *[("a", 1.0)] * 11)


async def test_a_journal_that_fails_fails_its_batch_and_no_state_is_ahead_of_it() -> None:
    journal, watcher, clock = FailingJournal(1), Watcher(), Clock()
    async with running(journal=journal, observer=watcher, clock=clock) as engine:
        for name in "ab":
            await engine.create(name, START, column(1.0, 2.0))
        journal.full = True
        answers = await send(engine, ("a", 3.0), ("b", 9.0, 9))
        assert codes(answers) == ["journal", "gap"]
        assert not engine.ready
        journal.full = False
        answers = await send(engine, ("a", 3.5, 2))
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 2.0, 3.5])[-1])
        assert engine.ready  # an append has worked again
    assert watcher.faults == ["JournalError"]


async def test_a_journal_that_nobody_writes_to_is_probed() -> None:
    journal, clock = FailingJournal(1), Clock()
    async with running(journal=journal, clock=clock) as engine:
        await engine.create("a", START, column(1.0))
        await engine.create("b", START, column(1.0))
        journal.full = True
        await send(engine, ("b", 3.0))
        for now, ready in ((1.0, False), (3.0, True)):
            clock.now = now
            await turn(engine)
            await turn(engine)
            assert engine.ready is ready
            journal.full = False


async def test_an_error_of_the_journal_that_nobody_foresaw_is_one_of_the_journal() -> None:
    journal = FailingJournal(1)
    async with running(journal=journal) as engine:
        await named(engine, "a")
        journal.broken = True
        answers = await send(engine, ("a", 3.0))
        assert codes(answers) == ["journal"]
        assert isinstance(answers.errors[0].__cause__, OSError)
        journal.broken = False
        assert codes(await send(engine, ("a", 3.0))) == [None]


async def test_a_session_that_someone_else_moved_on_is_stale_and_then_seen_as_it_is() -> None:
    journal = memory()
    async with running(journal=journal) as engine:
        await engine.create("a", START, column(1.0))
        await named(engine, "b")
        head = journal.head("a")
        one = np.array([1])
        journal.append(Readings(np.array([head.key]), one, one, column(7.0)))
        answers = await send(engine, ("a", 2.0), ("b", 1.0))
        assert codes(answers) == ["stale_session", None]
        answers = await send(engine, ("a", 2.0))
        assert answers.steps.tolist() == [2]
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 7.0, 2.0])[-1])


async def test_a_fault_of_the_engine_itself_is_an_internal_error_and_the_loop_goes_on() -> None:
    class Odd(MemoryJournal):
        odd = False

        def head(self, name: str) -> Head | None:
            found = super().head(name)
            return 7 if self.odd and name == "odd" else found  # type: ignore[return-value]

    journal = Odd(1)
    async with running(journal=journal) as engine:
        await named(engine, "a")
        journal.odd = True
        assert codes(await send(engine, ("odd", 1.0))) == ["internal"]
        with pytest.raises(InternalError):
            await engine.peek("odd")
        with pytest.raises(InternalError):
            await engine.session("odd")
        assert codes(await send(engine, ("a", 1.0))) == [None]
