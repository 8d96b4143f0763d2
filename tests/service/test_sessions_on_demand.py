"""A SQLite journal opens in the time that its tail takes: all other sessions are loaded when somebody asks for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalDamaged, UnknownSession
from service.journal import Beginning, Checkpoint, Journal, Readings, open_journal
from service.journal.sqlite import SqliteJournal

SESSIONS = 50


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Sessions s0 …, each with the readings 0, 1 and a checkpoint; a third one of s3 and s4 waits in the tail."""
    found = tmp_path / "journal.sqlite"
    journal = opened(found)
    for at in range(SESSIONS):
        journal.create(Beginning(f"s{at}", 0, "", np.arange(2.0)[:, None]), state(1))
    journal.delete("s7")
    assert journal.append(batch((4, 1, 2), (5, 1, 2))).all()
    journal.close()
    return found


def opened(path: Path) -> SqliteJournal:
    journal = open_journal(f"sqlite:{path}", 1, "1h", "process")
    assert isinstance(journal, SqliteJournal)
    return journal


def state(step: int) -> Checkpoint:
    return Checkpoint(step, 1, "d", np.full(3, step, np.float32))


def batch(*items: tuple[int, int, int]) -> Readings:
    """Readings (key, revision, step) whose value is their step; the key of session s3 is 4."""
    keys, revisions, steps = (np.array(column) for column in zip(*items, strict=True))
    return Readings(keys, revisions, steps, steps[:, None] * 1.0)


def test_only_the_sessions_of_the_tail_are_loaded_at_the_start(path: Path) -> None:
    journal = opened(path)
    assert len(journal._heads) == 2
    assert journal.count() == SESSIONS - 1
    assert [head and head.last_step for head in journal.heads(["s3", "s20", "s7", "nobody"])] == [2, 1, None, None]
    assert len(journal._heads) == 3
    journal.close()


def test_readings_of_sessions_that_are_not_loaded_are_judged_as_those_of_others(path: Path) -> None:
    journal = opened(path)
    items = [(4, 1, 3), (9, 1, 2), (8, 1, 2), (10, 1, 3), (9, 1, 3), (11, 2, 2), (999, 1, 0), (9, 1, 5), (-1, 1, 0)]
    follows = [True, True, False, False, True, False, False, False, False]
    assert journal.append(batch(*items)).tolist() == follows
    assert journal.head("s8").last_step == 3
    assert journal.readings(9, 0, 99)[:, 0].tolist() == [0, 1, 2, 3]
    assert journal.head("s9").last_step == 1
    journal.close()
    journal = opened(path)
    assert journal.readings(9, 0, 99)[:, 0].tolist() == [0, 1, 2, 3]
    journal.close()


@pytest.mark.parametrize(
    "asked",
    [
        lambda journal: journal.readings(20, 0, 9).tolist() == [[0.0], [1.0]],
        lambda journal: journal.load(20)[0].step == 1,
        lambda journal: journal.states(np.array([20, 8, 21]), "d")[1] is None,
        lambda journal: journal.save(np.array([20]), [state(0)]) is None,
        lambda journal: journal.revise(20, 1, 1, 1, np.array([[5.0]])).revision == 2,
        lambda journal: journal.retain(20, 1, 1, [state(0)]),
        lambda journal: len(journal.kept(20).values) == 2,
        lambda journal: journal.replace(Beginning("s19", 0, "", np.zeros((0, 1)))).revision == 2,
    ],
)
def test_whatever_is_asked_of_a_session_that_is_not_loaded_finds_it(
    path: Path, asked: Callable[[Journal], object]
) -> None:
    journal = opened(path)
    assert asked(journal)
    with pytest.raises(UnknownSession):
        journal.readings(8, 0, 9)
    journal.close()


def test_a_checkpoint_saved_for_a_session_that_is_not_loaded_is_kept(path: Path) -> None:
    journal = opened(path)
    journal.save(np.array([20, 8]), [state(0), state(1)])
    found, _ = journal.load(20, "d", 0)
    assert found is not None
    assert found.step == 0
    journal.close()


def test_an_ordinary_batch_asks_the_database_nothing_and_sessions_are_counted_once(path: Path) -> None:
    journal = opened(path)
    journal.heads([f"s{at}" for at in range(SESSIONS)])
    said: list[str] = []
    journal._database.set_trace_callback(said.append)
    assert journal.append(batch((4, 1, 3), (20, 1, 2))).all()
    assert [statement.split()[0] for statement in said] == ["INSERT"]
    journal.create(Beginning("new", 0, "", np.zeros((0, 1))))
    assert journal.count() == SESSIONS
    said.clear()
    journal.create(Beginning("newer", 0, "", np.zeros((0, 1))))
    journal.delete("new")
    assert journal.count() == SESSIONS
    assert not [statement for statement in said if "count" in statement]
    journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        "key = 3000000000",
        "revision = 0",
        "last_step = -2",
        "last_values = x'00'",
        "last_values = 7",
        "static = '[1]'",
        "first_step = 9",
        "exports = '[[1]]'",
        "seen = 'yesterday'",
    ],
)
def test_a_damaged_session_is_an_error_by_its_name_and_no_other_session_suffers(path: Path, damage: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE sessions SET {damage} WHERE name = 's19'")
    database.close()
    journal = opened(path)
    assert journal.append(batch((4, 1, 3))).all()
    for _ in range(2):
        with pytest.raises(
            JournalDamaged, match=r"is damaged: it could not look sessions up: session 's19': .* Restore"
        ):
            journal.head("s19")
    assert journal.head("s20").last_step == 1
    journal.close()


@pytest.mark.parametrize("damage", ["revision = 0", "last_step = -2", "last_values = x'00'", "last_step = 0"])
def test_damage_of_a_session_in_the_tail_is_met_at_the_start(path: Path, damage: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE sessions SET {damage} WHERE name = 's3'")
    database.close()
    with pytest.raises(JournalDamaged, match="is damaged: it could not read its tail"):
        opened(path)
