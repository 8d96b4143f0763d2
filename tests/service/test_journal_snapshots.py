"""A snapshot and a copy of a SQLite journal are of one moment, whatever its owner records and folds meanwhile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalError
from service.journal import Beginning, copying
from service.journal.snapshot import Snapshot
from service.journal.soundness import damages
from service.journal.sqlite import SqliteJournal
from tests.service.stored import go_on

READINGS = 30_000


def filled(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path, 1, "1h", "process")
    for name in ("one", "two"):
        head = journal.create(Beginning(name, 0, "", np.zeros((0, 1))))
        go_on(journal, head, 0, READINGS)
    journal.fold(READINGS + 100)  # all of the first session, and some of the second
    return journal


def test_a_copy_is_of_the_moment_at_which_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PAGES", 10)
    journal = filled(tmp_path / "journal.sqlite")
    heads = [journal.head(name) for name in ("one", "two")]
    calls = []

    def meanwhile(done: int, pages: int) -> None:
        """Between any two pieces of the copy the service records, folds and makes sessions."""
        for head in heads:
            go_on(journal, head, READINGS + 10 * len(calls), 10)
        journal.create(Beginning(f"new {len(calls)}", 0, "", np.zeros((500, 1))))
        journal.fold(10**6)
        calls.append((done, pages))

    copying.copy(journal.path, tmp_path / "copy.sqlite", meanwhile)
    assert len(calls) == -(-calls[0][1] // 10) > 10  # it goes on where it was, and never begins again
    with Snapshot(tmp_path / "copy.sqlite", alone=True) as snapshot:
        assert [(head.name, head.last_step) for head in snapshot.sessions()] == [
            ("one", READINGS - 1),
            ("two", READINGS - 1),
        ]
        for head in snapshot.sessions():
            assert snapshot.readings(head)[:, 0].tolist() == list(range(READINGS))
        assert not [each for each in damages(snapshot) if each is not None]
    assert journal.count() == 2 + len(calls)
    journal.close()


def test_a_snapshot_stays_as_it_was_while_the_journal_goes_on(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal.sqlite")
    one = journal.head("one")
    with Snapshot(journal.path) as snapshot:
        journal.fold(10**6)
        journal.revise(one.key, 1, READINGS - 1, 5, np.full((1, 1), 99.0))
        journal.delete("two")
        journal.fold(10**6)
        assert snapshot.count() == 2
        for name in ("one", "two"):
            head = snapshot.session(name)
            assert head is not None
            assert snapshot.readings(head)[:, 0].tolist() == list(range(READINGS))
    with Snapshot(journal.path) as snapshot:
        assert [(head.name, head.last_step) for head in snapshot.sessions()] == [("one", 5)]
    journal.close()


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal.sqlite")

    def full(_: int, __: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "backups").mkdir()
    with pytest.raises(JournalError, match=r"cannot write .*: No space left on device\. Free space"):
        copying.copy(journal.path, tmp_path / "backups" / "copy.sqlite", full)
    assert list((tmp_path / "backups").iterdir()) == []
    journal.close()
