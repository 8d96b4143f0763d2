"""What a SQLite journal writes: a blob a batch, few rows a session, bounded memory; and what it does when it cannot."""

from __future__ import annotations

import itertools
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalError
from service.journal import Beginning, Checkpoint, Readings, folding
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


def test_a_batch_is_one_row_until_it_is_folded(journal: SqliteJournal, path: Path) -> None:
    heads = [journal.create(Beginning(f"s{i}", 0, "", np.zeros((0, 1)))) for i in range(256)]
    keys = np.array([head.key for head in heads])
    for step in range(5):
        batch = Readings(keys, np.ones(256, np.int64), np.full(256, step), np.full((256, 1), float(step)))
        assert journal.append(batch).all()
    assert (rows_of(path, "batches"), rows_of(path, "segments")) == (5, 0)
    assert journal.fold(2 * 255) == 5 * 256 - 2 * 255
    assert (rows_of(path, "batches"), rows_of(path, "segments")) == (5, 2 * 255 // 5)  # session by session
    assert journal.fold(10**9) == 0
    assert (rows_of(path, "batches"), rows_of(path, "segments")) == (0, 256)


def test_a_batch_folded_in_part_is_neither_lost_nor_repeated_at_the_next_opening(path: Path) -> None:
    journal = SqliteJournal(path, 1, "1h")
    one, two = (journal.create(Beginning(name, 0, "", np.zeros((0, 1)))) for name in ("one", "two"))
    keys = np.array([one.key, two.key] * 10)
    steps = np.repeat(np.arange(10), 2)
    assert journal.append(Readings(keys, np.ones(20, np.int64), steps, steps[:, None] * 1.0)).all()
    assert journal.fold(7) == 13
    journal.close()
    journal = SqliteJournal(path, 1, "1h")
    for head in (one, two):
        assert journal.readings(head.key, 0, 99)[:, 0].tolist() == list(range(10))
        go_on(journal, head, 10, 3)
    journal.fold(10**9)
    for head in (one, two):
        assert journal.readings(head.key, 0, 99)[:, 0].tolist() == list(range(13))
    journal.close()


def test_what_comes_while_a_round_of_folding_is_under_way_is_folded_in_the_next(journal: SqliteJournal) -> None:
    one, two = (journal.create(Beginning(name, 0, "", np.zeros((0, 1)))) for name in ("one", "two"))
    for head in (one, two):
        go_on(journal, head, 0, 10)
    assert journal.fold(5) == 15
    for head in (one, two):
        go_on(journal, head, 10, 10)
        assert journal.readings(head.key, 0, 99)[:, 0].tolist() == list(range(20))
    assert journal.fold(10) == 25
    assert journal.fold(10) == 15  # the first round's end, and five of the second
    for head in (one, two):
        assert journal.readings(head.key, 3, 17)[:, 0].tolist() == list(range(3, 18))
    assert journal.fold(99) == 0


def test_a_long_session_has_few_rows_however_its_readings_came(journal: SqliteJournal, path: Path) -> None:
    head = journal.create(Beginning("long", 0, "", np.arange(5_000.0)[:, None]))
    for first in range(5_000, 30_000, 250):
        go_on(journal, head, first, 250)
        journal.fold(100)
    journal.fold(10**9)
    assert rows_of(path, "segments") == -(-30_000 // 1024)
    assert journal.readings(head.key, 0, 10**9)[:, 0].tolist() == list(range(30_000))
    assert journal.readings(head.key, 1_020, 1_030)[:, 0].tolist() == list(range(1_020, 1_031))


def test_replacing_and_deleting_leave_no_readings_behind(journal: SqliteJournal, path: Path) -> None:
    checkpoint = Checkpoint(9, 1, "d", np.zeros(3, np.float32))
    other = journal.create(Beginning("other", 0, "", np.arange(10.0)[:, None]), checkpoint)
    head = journal.create(Beginning("taxi", 0, "", np.arange(5_000.0)[:, None]), checkpoint)
    go_on(journal, head, 5_000, 10)
    journal.replace(Beginning("taxi", 0, "", column(1)))
    assert (rows_of(path, "segments"), rows_of(path, "checkpoints")) == (2, 1)
    journal.delete("taxi")
    journal.fold(10**9)
    assert (rows_of(path, "segments"), rows_of(path, "checkpoints"), rows_of(path, "batches")) == (1, 1, 0)
    assert len(journal.readings(other.key, 0, 99)) == 10


def test_no_session_has_so_many_steps_that_its_readings_would_be_taken_for_another_one_s(path: Path) -> None:
    journal = SqliteJournal(path, 1, "1", "process", segment_rows=16)
    kept = replace(journal.kept(journal.create(Beginning("taxi", 0, "", column(6, 6))).key), first_step=16 << 32)
    with pytest.raises((JournalError, ValueError), match="expected steps below"):
        journal.put("far", kept)
    journal.put("less far", replace(kept, first_step=(16 << 32) - 2))
    other = journal.create(Beginning("other", 0, "", column(1, 2, 3)))
    np.testing.assert_array_equal(journal.readings(other.key, 0, 9), column(1, 2, 3))
    np.testing.assert_array_equal(journal.readings(journal.head("less far").key, 0, 2**40), column(6, 6))
    journal.close()


def test_the_tail_stays_bounded_when_nobody_folds(path: Path) -> None:
    journal = SqliteJournal(path, 1, "1h", "process", tail_bytes=40 * 1_000)
    heads = [journal.create(Beginning(f"s{i}", 0, "", np.zeros((0, 1)))) for i in range(3)]
    for first in range(0, 6_000, 300):
        for head in heads:
            go_on(journal, head, first, 300)
        assert journal.fold(0) <= 1_000 + 300
    for head in heads:
        assert journal.readings(head.key, 0, 10**9)[:, 0].tolist() == list(range(6_000))
    journal.close()


def test_no_append_folds_all_of_a_tail_that_nobody_folds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "SPILL", 50)
    journal = SqliteJournal(path, 1, "1h", "process", tail_bytes=40 * 1_000)
    heads = [journal.create(Beginning(f"s{i}", 0, "", np.zeros((0, 1)))) for i in range(3)]
    waiting = [0]
    for first in range(0, 2_000, 10):
        for head in heads:
            go_on(journal, head, first, 10)
            waiting.append(journal.fold(0))
    assert max(waiting) < 1_000
    assert min(after - before for before, after in itertools.pairwise(waiting)) >= 10 - 50
    journal.close()


def test_a_spoilt_checkpoint_gives_way_to_the_one_before_and_then_to_a_replay(path: Path) -> None:
    journal = SqliteJournal(path, 1, "1h")
    head = journal.create(Beginning("taxi", 0, "", np.arange(10.0)[:, None]))
    for step in (3, 6):
        journal.save(np.array([head.key]), [Checkpoint(step, 1, "d", np.full(4, step, np.float32))])
    for spoilt, expected in ((6, 3), (3, None)):
        journal.close()
        with sqlite3.connect(path) as database:
            database.execute("UPDATE checkpoints SET body = zeroblob(16) WHERE step = ?", (spoilt,))
        database.close()
        journal = SqliteJournal(path, 1, "1h")
        found, after = journal.load(head.key)
        assert (found.step if found else None) == expected
        assert len(after) == 10 - (0 if expected is None else expected + 1)
    journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE batches SET body = CAST(body || x'00' AS BLOB) WHERE id = 5",
        "UPDATE batches SET body = zeroblob(length(body)) WHERE id = 5",
        "DELETE FROM batches WHERE id = 5",
        "UPDATE sessions SET last_step = -1",
        "UPDATE sessions SET last_values = x'00'",
        "UPDATE segments SET body = zeroblob(length(body))",
        "DELETE FROM segments",
    ],
)
def test_damage_is_an_error_and_never_a_wrong_reading(path: Path, damage: str) -> None:
    journal = SqliteJournal(path, 1, "1h")
    head = journal.create(Beginning("taxi", 0, "", np.arange(1.0, 5.0)[:, None]))
    for first in (4, 9, 14):
        go_on(journal, head, first, 5)
    journal.close()
    with sqlite3.connect(path) as database:
        database.execute(damage)
    database.close()
    with pytest.raises(JournalError, match=r"is damaged: .* Restore it from a backup"):
        SqliteJournal(path, 1, "1h").load(head.key)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_the_append_and_nothing_of_it_is_recorded(journal: SqliteJournal, path: Path) -> None:
    head = journal.create(Beginning("taxi", 0, "", column(0, 1)))

    def fill() -> None:
        for step in itertools.count(2, 500):
            go_on(journal, head, step, 500)

    with no_file_larger_than(100_000), pytest.raises(JournalError, match=r"could not record readings.*free space"):
        fill()
    found = journal.head("taxi")
    assert found is not None
    recorded = found.last_step + 1
    assert recorded > 2
    assert (recorded - 2) % 500 == 0  # no part of the batch that failed
    go_on(journal, head, recorded, 500)  # there is space again
    journal.close()
    again = SqliteJournal(path, 1, "1h")
    assert again.readings(head.key, 0, 10**9)[:, 0].tolist() == list(range(recorded + 500))
    again.close()


def test_a_full_disk_during_a_fold_or_a_change_of_sessions_leaves_all_as_it_was(journal: SqliteJournal) -> None:
    head = journal.create(Beginning("taxi", 0, "", column(0, 1)))
    go_on(journal, head, 2, 3_000)
    changes = {
        "fold its tail": lambda: journal.fold(10**9),
        "create a session": lambda: journal.create(Beginning("new", 0, "", np.zeros((50_000, 1)))),
        "replace a session": lambda: journal.replace(Beginning("taxi", 0, "", np.zeros((50_000, 1)))),
        "save checkpoints": lambda: journal.save(
            np.array([head.key]), [Checkpoint(1, 1, "d", np.zeros(100_000, np.float32))]
        ),
    }
    for doing, change in changes.items():
        with no_file_larger_than(20_000), pytest.raises(JournalError, match=f"could not {doing}"):
            change()
    assert journal.fold(0) == 3_000
    assert journal.names() == ["taxi"]
    assert journal.load(head.key)[0] is None
    assert journal.readings(head.key, 0, 10**9)[:, 0].tolist() == list(range(3_002))
    assert journal.fold(10**9) == 0
    assert journal.readings(head.key, 0, 10**9)[:, 0].tolist() == list(range(3_002))


def test_a_disk_that_became_read_only_is_an_error_with_advice(journal: SqliteJournal) -> None:
    head = journal.create(Beginning("taxi", 0, "", column(0)))
    journal._database.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalError, match="cannot be written to: give the service's user the right to write"):
        go_on(journal, head, 1, 1)
    journal._database.execute("PRAGMA query_only = OFF")
    go_on(journal, head, 1, 1)


def test_numpy_numbers_do_where_whole_numbers_are_asked(journal: SqliteJournal) -> None:
    one = np.int64(1)
    head = journal.create(
        Beginning("taxi", one, "", np.arange(5.0)[:, None]), Checkpoint(one, 1, "d", np.zeros(2, np.float32))
    )
    journal.save(np.array([head.key]), [Checkpoint(one * 2, one, "d", np.zeros(2, np.float32))])
    found, after = journal.load(np.int64(head.key))
    assert found is not None
    assert (found.step, len(after)) == (2, 2)
    assert journal.readings(np.int64(head.key), one, one)[:, 0].tolist() == [1]
    assert journal.replace(Beginning("taxi", one, "", column(1))).start == 1


def test_a_closed_journal_says_so(journal: SqliteJournal) -> None:
    head = journal.create(Beginning("taxi", 0, "", column(0)))
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        go_on(journal, head, 1, 1)
