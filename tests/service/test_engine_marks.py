"""States are marked as they pass, so that most readings are let go of without a replay: nobody can tell."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.journal import Beginning
from service.journal.memory import MemoryJournal
from service.marks import Marks
from service.past_errors import HistoryGone
from service.places import Correction
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.sessions import SessionTable
from tests.service.engines import NO_TIME, START, Clock, alone, codes, column, runs, send
from tests.service.retaining import Keeper, head_of, keeping, settle
from tests.service.watching import told, told_alone, watch_all, wave

KEPT = {"keep_readings": 8, "keep_slack": 4, "keep_seconds": 0.001}


def corrected(step: int, value: float) -> Correction:
    return Correction(np.array([step]), np.array([NO_TIME]), column(value))


async def test_a_session_that_speaks_lets_go_of_readings_and_nothing_is_replayed() -> None:
    journal, clock, runtime, watcher = MemoryJournal(1), Clock(), FakeRuntime(fake_bundle()), Keeper()
    values = np.random.default_rng(1).normal(size=200)
    async with keeping(journal, clock, runtime, watcher, **KEPT) as engine:
        await engine.create("a", START, column())
        for step in range(150):
            assert codes(await send(engine, ("a", values[step], step))) == [None]
            await settle(engine, clock, 3)
        assert 8 <= 150 - head_of(journal, "a").first_step < 8 + 2 * 4
        assert watcher.gone == head_of(journal, "a").first_step
        assert runs(runtime, "sequence") == []
        with pytest.raises(HistoryGone):
            await engine.changes.correct("a", corrected(20, 1.0))
        answers = await send(engine, ("a", values[150], 150))
        np.testing.assert_array_equal(answers.quantiles[0], alone(values[:151])[-1])
    journal.save = lambda *_: None  # type: ignore[method-assign]
    for session in journal._sessions.values():
        session.checkpoints = []
    async with keeping(journal, clock, **KEPT) as engine:  # from the base alone
        answers = await send(engine, ("a", values[151], 151))
        np.testing.assert_array_equal(answers.quantiles[0], alone(values[:152])[-1])


async def test_a_mark_of_a_past_that_was_changed_is_never_a_base() -> None:
    journal, clock, runtime = MemoryJournal(1), Clock(), FakeRuntime(fake_bundle())
    values = np.random.default_rng(2).normal(size=40)
    async with keeping(journal, clock, runtime, **KEPT) as engine:
        await engine.create("a", START, column())
        for step in range(11):
            await send(engine, ("a", values[step], step))
            await settle(engine, clock, 2)
        assert head_of(journal, "a").first_step == 0
        values[1] = 99.0
        await engine.changes.correct("a", corrected(1, 99.0))
        step = 11
        while head_of(journal, "a").first_step == 0:
            await send(engine, ("a", values[step], step))
            await settle(engine, clock, 4)
            step += 1
        assert step < 20, "a mark of before would have done"
        for session in journal._sessions.values():
            session.checkpoints = []
        journal.save = lambda *_: None  # type: ignore[method-assign]
    async with keeping(journal, clock, **KEPT) as engine:
        np.testing.assert_array_equal((await engine.peek("a"))[1], alone(values[:step])[-1])


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_is_changed_meanwhile_forecasts_are_as_if_it_had_always_been_so(data: st.DataObject) -> None:
    operations = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["send", "send", "send", "correct", "rewind", "look", "restart"]), st.integers(1, 9)
            ),
            min_size=4,
            max_size=30,
        )
    )
    bounds = {
        "keep_readings": data.draw(st.integers(2, 12)),
        "keep_slack": data.draw(st.integers(1, 6)),
        "max_resident": data.draw(st.sampled_from([1, 64])),
        "mark_bytes": data.draw(st.sampled_from([1, 40, 2**20])),
        "chunk": data.draw(st.sampled_from([2, 256])),
        "keep_seconds": 0.001,
    }
    asyncio.run(_changed(operations, bounds))


async def _changed(operations: list[tuple[str, int]], bounds: dict[str, float]) -> None:
    journal, clock = MemoryJournal(1), Clock()
    truth: dict[str, list[float]] = {"a": [], "b": []}
    chance = np.random.default_rng(7)
    parts: list[list[tuple[str, int]]] = [[]]
    for operation in operations:
        parts[-1].append(operation)
        if operation[0] == "restart":
            parts.append([])
    for part in parts:
        async with keeping(journal, clock, **bounds) as engine:
            for name in truth:
                if journal.head(name) is None:
                    await engine.create(name, START, column())
            for kind, number in part:
                for name, values in truth.items():
                    first = head_of(journal, name).first_step
                    if kind == "send":
                        new = chance.normal(size=number)
                        steps = enumerate(new, len(values))
                        assert set(codes(await send(engine, *((name, value, step) for step, value in steps)))) == {None}
                        values += new.tolist()
                    elif kind == "correct" and len(values) - number >= max(first, 1):
                        values[-number] = float(number)
                        await engine.changes.correct(name, corrected(len(values) - number, float(number)))
                    elif kind == "rewind" and len(values) - number > first:
                        await engine.changes.rewind(name, len(values) - number - 1)
                        del values[len(values) - number :]
                await settle(engine, clock, 1 + (kind == "look") * number)
            for name, values in truth.items():
                if values:
                    np.testing.assert_array_equal((await engine.peek(name))[1], alone(values)[-1])
        for session in journal._sessions.values():
            session.checkpoints = []  # so that the next life begins with the bases


async def test_a_watched_session_is_marked_with_its_monitor() -> None:
    values = wave(60, 1, change=40)
    expected, journal, clock, runtime = told_alone(values), MemoryJournal(1), Clock(), FakeRuntime(fake_bundle())
    async with keeping(journal, clock, runtime, **KEPT) as engine:
        await watch_all(engine, "a")
        for step in range(50):
            await send(engine, ("a", values[step], step))
            await settle(engine, clock, 3)
        assert head_of(journal, "a").first_step > 30
    for session in journal._sessions.values():
        session.checkpoints = []
    async with keeping(journal, clock, **KEPT) as engine:
        answers = await send(engine, ("a", values[50], 50))
        np.testing.assert_array_equal(told(answers, 0), expected[50])


def test_marks_take_no_more_than_their_room_and_go_with_their_sessions() -> None:
    journal, table = MemoryJournal(1), SessionTable(1)
    marks = Marks(table, lambda rows: [np.full(4, row, np.float32) for row in rows.tolist()], 5 * 16)
    rows = np.array(
        [table.put(journal.create(Beginning(f"s{at}", 0, "", column(*range(9)))), False) for at in range(8)]
    )
    everyone, one = np.arange(len(table.key)), np.ones(len(table.key), np.int64)
    table.slot[rows] = rows
    marks.look(everyone, one)
    assert len(marks) == 5, "the room of five"
    assert marks.find(int(rows[7]), 0, 8) is not None
    assert marks.find(int(rows[7]), 0, 7) is None
    marks.look(everyone, one)
    assert len(marks) == 5, "those that have not moved are not marked again, and the others push out the oldest"
    table.remove(int(rows[7]))
    table.revision[rows[6]] += 1
    marks.look(everyone, one + 100)
    assert marks.find(int(rows[6]), 0, 8) is None
    marks.pass_by(int(rows[5]), 8)
    for row in everyone.tolist():
        marks.drop(row)
    assert (len(marks), marks._bytes) == (0, 0)
