"""What a SQLite journal lets go of: its bytes are gone, its room is used again, and no fold is the worse for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.journal import Beginning, Checkpoint, Readings
from service.journal.sqlite import SqliteJournal
from tests.service.stored import column, go_on, rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path, 1, "1h", "process")
    yield opened
    opened.close()


def test_what_was_deleted_is_nowhere_in_the_files_once_the_tail_is_folded(journal: SqliteJournal, path: Path) -> None:
    secret = 1234567.890625
    needle = np.array([secret], "<f8").tobytes()
    checkpoint = Checkpoint(99, 1, "d", np.full(300, secret, np.float32))
    journal.create(Beginning("secret session", 0, "", np.full((1_000, 1), secret)), checkpoint)
    other = journal.create(Beginning("other", 0, "", column(1)))
    go_on(journal, other, 1, 500)
    found = journal.head("secret session")
    assert found is not None
    steps = np.arange(1_000, 1_200)
    waiting = Readings(np.full(200, found.key), np.ones(200, np.int64), steps, np.full((200, 1), secret))
    assert journal.append(waiting).all()

    def traces() -> list[int]:
        files = [file.read_bytes() for file in (path, path.with_name(path.name + "-wal"))]
        return [sum(file.count(text) for file in files) for text in (needle, b"secret session")]

    assert min(traces()) > 0
    journal.delete("secret session")
    assert journal.fold(10**6) == 0
    assert traces() == [0, 0]
    assert len(journal.readings(other.key, 0, 10**6)) == 501


def test_a_reader_of_the_log_puts_its_emptying_off_and_no_more(journal: SqliteJournal, path: Path) -> None:
    journal.create(Beginning("secret session", 0, "", column(1)))
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sessions").fetchone()
    journal.delete("secret session")
    assert journal.fold(10) == 0
    reader.close()
    assert journal.fold(10) == 0
    assert path.with_name(path.name + "-wal").stat().st_size == 0


def test_what_is_let_go_of_makes_room_for_what_comes(journal: SqliteJournal) -> None:
    head = journal.create(Beginning("long", 0, "", np.zeros((0, 1))))
    sizes = []
    for first in range(0, 200_000, 20_000):
        go_on(journal, head, first, 20_000)
        journal.fold(10**6)
        assert journal.retain(
            head.key, 1, first + 19_000, [Checkpoint(first + 18_999, 1, "d", np.zeros(3, np.float32))]
        )
        sizes.append(journal.size())
    assert max(sizes) <= 1.2 * max(sizes[:4])  # the log grows to some size before it is used again
    assert len(journal.readings(head.key, 0, 10**6)) == 1_000


def test_a_retention_in_the_middle_of_a_round_of_folding_loses_and_repeats_nothing(path: Path) -> None:
    journal = SqliteJournal(path, 1, "1h", segment_rows=4)
    one, two = (journal.create(Beginning(name, 0, "", np.zeros((0, 1)))) for name in ("one", "two"))
    for head in (one, two):
        go_on(journal, head, 0, 20)
    assert journal.fold(5) == 35  # of the first session
    for head, first in ((one, 12), (two, 9)):
        assert journal.retain(head.key, 1, first, [Checkpoint(first - 1, 1, "d", np.zeros(3, np.float32))])
        go_on(journal, head, 20, 3)
    for limit in (4, 10**6):
        journal.fold(limit)
        journal.close()
        journal = SqliteJournal(path, 1, "1h")
        assert journal.readings(one.key, 0, 99)[:, 0].tolist() == list(range(12, 23))
        assert journal.readings(two.key, 0, 99)[:, 0].tolist() == list(range(9, 23))
    assert rows_of(path, "segments") == 3 + 4
    journal.close()
