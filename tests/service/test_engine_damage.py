"""Damage to what is recorded of one session concerns that session, by name, and nobody else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalDamaged, StateLost
from service.journal import Beginning, Checkpoint
from service.journal.memory import MemoryJournal
from service.journal.sqlite import SqliteJournal
from tests.service.engines import START, Clock, Watcher, alone, codes, column, running, send
from tests.service.retaining import head_of, keeping, settle

KEPT = {"keep_readings": 10, "keep_slack": 2, "keep_seconds": 0.001}


class DamagedJournal(MemoryJournal):
    """Has readings of one session that are not what was written."""

    spoilt = -1  # its key

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, np.ndarray]:
        if key == self.spoilt:
            raise JournalDamaged("its readings do not match their checksum")
        return super().load(key, digest, until, most)

    def states(self, keys: np.ndarray, digest: str) -> list[np.ndarray | None]:
        if self.spoilt in keys:
            raise JournalDamaged("a checkpoint cannot be read")
        return super().states(keys, digest)

    def readings(self, key: int, first: int, last: int) -> np.ndarray:
        if key == self.spoilt:
            raise JournalDamaged("its readings do not match their checksum")
        return super().readings(key, first, last)

    def close(self) -> None:
        """Goes on with the next engine."""


@pytest.fixture
async def journal() -> DamagedJournal:
    journal = DamagedJournal(1)
    async with running(journal=journal) as engine:
        for name in "ab":
            await engine.create(name, START, column(1.0, 2.0))
            await send(engine, (name, 3.0))
    head = journal.head("a")
    assert head is not None
    journal.spoilt = head.key
    return journal


async def test_a_session_whose_readings_are_damaged_is_lost_and_its_neighbours_are_not(journal: DamagedJournal) -> None:
    watcher = Watcher()
    async with running(journal=journal, observer=watcher) as engine:
        answers = await send(engine, ("a", 4.0, 3), ("b", 4.0, 3))
        assert codes(answers) == ["state_lost", None]
        np.testing.assert_array_equal(answers.quantiles[0], alone([1.0, 2.0, 3.0, 4.0])[-1])
        with pytest.raises(StateLost):
            await engine.peek("a")
        assert engine.ready  # or whoever sends to it would keep the service from all others
    assert watcher.faults == ["JournalDamaged"] * 2


async def test_an_old_reading_that_is_damaged_is_a_duplicate_that_cannot_be_compared(journal: DamagedJournal) -> None:
    async with running(journal=journal) as engine:
        assert codes(await send(engine, ("a", 1.0, 0), ("b", 1.0, 0), ("b", 4.0, 3))) == [
            "duplicate",
            "duplicate",
            None,
        ]
        assert engine.ready


async def test_a_lost_session_can_be_made_anew(journal: DamagedJournal) -> None:
    async with running(journal=journal) as engine:
        assert codes(await send(engine, ("a", 4.0, 3))) == ["state_lost"]
        await engine.create("a", START, column(5.0, 6.0), replace=True)
        journal.spoilt = -1
        answers = await send(engine, ("a", 7.0, 2))
        np.testing.assert_array_equal(answers.quantiles[0], alone([5.0, 6.0, 7.0])[-1])


async def test_a_session_that_cannot_be_looked_up_is_told_so_and_its_neighbours_are_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, 1, "1h")
    for name in "abc":
        journal.create(Beginning(name, START, "", column(1.0, 2.0)))
    journal.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE sessions SET last_step = -7 WHERE name = 'a'")
    database.close()
    async with running(journal=SqliteJournal(path, 1, "1h")) as engine:
        for step in (2, 3):
            answers = await send(
                engine, ("b", 3.0, step), ("a", 3.0, step), ("nobody", 3.0, step), ("a", 4.0, step + 1)
            )
            assert codes(answers) == [None, "journal_damaged", "unknown_session", "journal_damaged"]
            assert "session 'a': an impossible key, revision or step" in str(answers.errors[1])
        with pytest.raises(JournalDamaged, match="session 'a'"):
            await engine.session("a")
        await engine.delete("a")
        await engine.create("a", START, column())
        assert codes(await send(engine, ("a", 1.0, 0), ("b", 3.0, 4))) == [None, None]


async def test_a_session_that_let_go_of_readings_is_lost_where_the_state_before_them_is_damaged(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.sqlite", Clock()
    async with keeping(
        SqliteJournal(path, 1, "1h"), clock, keep_readings=10, keep_slack=2, keep_seconds=0.001
    ) as engine:
        for name in "ab":
            await engine.create(name, START, column(*range(30)))
        await settle(engine, clock)
        assert (await engine.session("a")).first_step == 20, "enough stays for the model to warm up on it"
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM checkpoints")
        database.execute("UPDATE bases SET body = zeroblob(length(body)) WHERE key = 1")
    database.close()
    watcher = Watcher()
    async with running(journal=SqliteJournal(path, 1, "1h"), observer=watcher) as engine:
        answers = await send(engine, ("a", 30.0, 30), ("b", 30.0, 30))
        assert codes(answers) == ["state_lost", None]
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(31.0))[-1])
        with pytest.raises(StateLost):
            await engine.peek("a")
    assert set(watcher.faults) == {"JournalDamaged"}


async def test_one_damaged_session_keeps_no_other_from_letting_go(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.sqlite", Clock()
    async with keeping(SqliteJournal(path, 1, "1h"), clock) as engine:
        for name in "abc":
            await engine.create(name, START, column(*range(30)))
    journal = SqliteJournal(path, 1, "1h")
    async with keeping(journal, clock, **KEPT) as engine:
        for name in "abc":
            await engine.peek(name)
        with sqlite3.connect(path) as database:
            database.execute("UPDATE sessions SET seen = 1 WHERE name = 'b'")
        database.close()
        await settle(engine, clock)
        assert [head_of(journal, name).first_step for name in "ac"] == [20, 20]
