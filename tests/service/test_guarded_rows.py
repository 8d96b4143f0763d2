"""A session's row is under checksums: what changed in the file is told by the session's name, and never believed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalDamaged, JournalError
from service.journal import Beginning, Checkpoint, Export
from service.journal.snapshot import Snapshot
from service.journal.soundness import damages
from service.journal.sqlite import SqliteJournal
from tests.service.stored import column, go_on

DAMAGES = {
    "start": "8",
    "origin": "'y'",
    "static": """'{"area": 12.75}'""",
    "regime": "0",
    "ttl": "61",
    "parent": "'other'",
    "exports": "NULL",
    "revision": "2",
    "first_step": "1",
    "last_step": "8",
    "last_values": "x'0000000000000000'",
    "seen": "seen - 100",
    "expired": "1",
    "checksum": "checksum + 1",
    "place_checksum": "0",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Sessions `hit` and `other`, all of whose readings are folded."""
    path = tmp_path / "journal.sqlite"
    with closing(SqliteJournal(path, 1, "1h", "process")) as journal:
        for name in ("hit", "other"):
            head = journal.create(Beginning(name, 7, "x", column(1.0), static={"area": 12.5}, regime=True, ttl=3600))
            journal.exported(head.key, Export(5, 0, "e" * 64))
            go_on(journal, head, 1, 9)
            assert journal.retain(head.key, 1, 2, [])
        assert journal.fold(99) == 0
    return path


def spoil(path: Path, name: str, value: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"UPDATE sessions SET {name} = {value} WHERE name = 'hit'")
        database.commit()


@pytest.mark.parametrize("name", DAMAGES)
def test_a_row_in_which_anything_changed_is_damage_of_that_session_alone(path: Path, name: str) -> None:
    spoil(path, name, DAMAGES[name])
    with Snapshot(path) as snapshot:
        assert {each.session for each in damages(snapshot) if each is not None and each.costs} == {"hit"}
    with closing(SqliteJournal(path, 1, "1h", "process")) as journal:
        with pytest.raises(JournalDamaged, match=r"session 'hit': .* do not match their checksum|'hit': an impossible"):
            journal.head("hit")
        assert journal.head("other").last_step == 9
        assert len(journal.expire(1e12, 9)) == 1, "of one that is damaged nobody knows whether its time is over"
        journal.delete("hit")
        assert journal.create(Beginning("hit", 7, "x", column(1.0))).last_step == 0, "it can be made anew"


def test_a_key_that_changed_is_damage_too(path: Path) -> None:
    spoil(path, "key", "key + 1000")
    with closing(SqliteJournal(path, 1, "1h", "process")) as journal, pytest.raises(JournalError):
        journal.head("hit")


def test_to_move_a_session_on_does_not_make_damage_sound(path: Path) -> None:
    with closing(SqliteJournal(path, 1, "1h", "process")) as journal:
        head = journal.head("hit")
        assert head is not None
        spoil(path, "start", "8")
        go_on(journal, head, 10, 3)
        journal.fold(99)
        with pytest.raises(JournalDamaged, match="session 'hit'"):
            journal.head("hit")
        with pytest.raises(JournalDamaged):
            journal.exported(head.key, Export(6, 0, "e" * 64))
    with closing(SqliteJournal(path, 1, "1h", "process")) as journal, pytest.raises(JournalDamaged):
        journal.head("hit")


def test_all_that_is_done_to_a_session_leaves_its_row_sound(path: Path) -> None:
    with closing(SqliteJournal(path, 1, "1h", "process")) as journal:
        head = journal.head("hit")
        assert head is not None
        journal.revise(head.key, 1, 9, 8, column(5.0))
        journal.put("fork", journal.kept(head.key))
        journal.put("other", journal.kept(head.key), replace=True)
        journal.retain(head.key, 2, 5, [])
        journal.replace(Beginning("fork", 1, "z", column()))
        assert len(journal.expire(1e12, 1)) == 1
    with Snapshot(path) as snapshot:
        assert list(damages(snapshot)) == [None] * 3


def test_a_description_of_the_tables_that_changed_is_refused_at_the_start(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET sql = replace(sql, 'ttl > 0', 'ttl > 1') WHERE name = 'due'")
        database.commit()
    with Snapshot(path) as snapshot:
        assert "described" in next(each.what for each in damages(snapshot) if each is not None)
    with pytest.raises(JournalDamaged, match="not described as they were made"):
        SqliteJournal(path, 1, "1h", "process")


DIGESTS = ("a" * 64, "b" * 64)


def spoil_base(path: Path, digest: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        (body,) = database.execute("SELECT body FROM bases WHERE digest = ?", (digest,)).fetchone()
        spoilt = bytes([body[0] ^ 1, *body[1:]])
        assert database.execute("UPDATE bases SET body = ? WHERE digest = ?", (spoilt, digest)).rowcount == 1
        database.commit()


def test_a_base_that_is_damaged_is_never_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(SqliteJournal(path, 1, "1h", "process")) as journal:
        head = journal.create(Beginning("taxi", 0, "", column(*range(10))))
        assert journal.retain(head.key, 1, 4, [Checkpoint(3, 1, digest, np.ones(5, np.float32)) for digest in DIGESTS])
        spoil_base(path, DIGESTS[0])
        for digest in (DIGESTS[0], "c" * 64):  # whose it was, a damaged one does not say for sure
            with pytest.raises(JournalDamaged, match="does not match its checksum"):
                journal.load(head.key, digest)
        with pytest.raises(JournalDamaged):
            journal.kept(head.key)
        assert journal.load(head.key, DIGESTS[1])[0].step == 3
        journal.save(np.array([head.key]), [Checkpoint(6, 1, DIGESTS[0], np.ones(5, np.float32))])
        assert journal.load(head.key, DIGESTS[0])[0].step == 6, "nobody needs it"
        assert journal.revise(head.key, 1, 9, 5, column(50)).revision == 2
        with pytest.raises(JournalDamaged):
            journal.load(head.key, DIGESTS[0])
        found, after = journal.load(head.key, DIGESTS[1])
        assert (found.step, found.revision, after[:, 0].tolist()) == (3, 2, [4, 50])
        assert journal.retain(head.key, 2, 5, [Checkpoint(4, 2, DIGESTS[1], np.ones(5, np.float32))])
        assert journal.load(head.key, DIGESTS[0])[0] is None, "it was replaced"
