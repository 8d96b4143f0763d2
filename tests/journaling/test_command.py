"""`gatecast journal` as it is typed, over journals that rest and over one that a service has open."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from service.journal import Beginning
from service.journal.ownership import Ownership
from service.journal.snapshot import Snapshot
from service.journal.sqlite import SqliteJournal
from tests.journaling.journals import FIXTURES, HOURS, START, done, follow, opened, refused, values_of


def test_a_journal_is_shown_in_figures(path: Path) -> None:
    said = done("inspect", f"sqlite:{path}")
    for part in ("format", "1h", "load", "wind", "Europe/Berlin", "70 folded", "aaaaaaaaaaaa", "kB"):
        assert part in said
    figures = dict(line.replace(" ", "").split("│")[1:3] for line in said.splitlines() if "│" in line)
    assert (figures["sessions"], figures["waitinginthetail"]) == ("3", "10")


def test_one_session_is_shown_as_it_stands(path: Path) -> None:
    said = done("inspect", str(path), "--session", "north")
    for part in ("40, steps 0 to 39", "2024-01-02T15:00:00: 39, -39", "area 1.5", "after step 30", "for ever"):
        assert part in said
    assert "there is no session 'west'" in refused("inspect", str(path), "--session", "west")


def test_a_journal_in_use_is_read_and_not_disturbed(running: SqliteJournal, path: Path, tmp_path: Path) -> None:
    follow(running, running.head("north"), 3)
    assert "43, steps 0 to 42" in done("inspect", str(path), "--session", "north")
    assert "is sound: 3 sessions, 13 readings in the tail" in done("verify", str(path))
    done("backup", str(path), str(tmp_path / "copy.sqlite"))
    done("export-readings", str(path), str(tmp_path / "out.parquet"))
    follow(running, running.head("north"), 2)
    assert running.fold(10**6) == 0
    assert len(values_of(tmp_path / "copy.sqlite")["north"]) == 43


@pytest.mark.parametrize("kind", ["compact", "restore"])
def test_what_changes_a_journal_is_refused_while_a_service_has_it_open(
    running: SqliteJournal, path: Path, tmp_path: Path, kind: str
) -> None:
    done("backup", str(path), str(tmp_path / "copy.sqlite"))
    before = values_of(path)
    words = ("compact",) if kind == "compact" else ("restore", str(tmp_path / "copy.sqlite"))
    assert "is in use by process" in refused(*words, str(path))
    assert values_of(path) == before
    follow(running, running.head("north"), 1)


def test_an_older_journal_in_use_is_not_migrated(tmp_path: Path) -> None:
    path = Path(shutil.copy(FIXTURES / "journal-1.sqlite", tmp_path / "journal.sqlite"))
    owner = Ownership(path)
    assert "is in use by process" in refused("migrate", str(path))
    owner.release()
    with Snapshot(path) as snapshot:
        assert snapshot.format == 1


DAMAGES = {
    "UPDATE segments SET body = zeroblob(length(body)) WHERE id = (SELECT min(id) FROM segments)": (
        "✗ session 'north': it could not read the readings|readings between steps 0 and 34",
        True,
    ),
    "DELETE FROM segments WHERE id = (SELECT max(id) FROM segments)": ("✗ session 'south': ", True),
    "UPDATE sessions SET last_step = 12 WHERE name = 'south'": ("✗ session 'south': ", True),
    "UPDATE sessions SET last_values = zeroblob(16) WHERE name = 'empty'": ("✗ session 'empty': ", True),
    "UPDATE sessions SET revision = -1 WHERE name = 'south'": ("✗ session 'south': an impossible key", True),
    "UPDATE checkpoints SET body = zeroblob(24) WHERE step = 30": ("! session 'north': its state after step 30", False),
    "INSERT INTO segments VALUES (77 << 32, 0, x'00')": ("! the journal: 1 segments under the key 77", False),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_told_by_session(path: Path, tmp_path: Path, damage: str) -> None:
    assert "is sound" in done("verify", str(path))
    with sqlite3.connect(path) as database:
        database.execute(damage)
    database.close()
    said = refused("verify", str(path))
    expected, costs = DAMAGES[damage]
    assert any(part in said for part in expected.split("|"))
    assert ("cannot be read as they were" in said) == costs
    assert ("No reading is lost" in said) != costs
    assert "session 'north': " not in said or "'north'" in expected
    assert "The copy is kept" in refused("backup", str(path), str(tmp_path / "copy.sqlite"))
    assert "is damaged and was not restored" in refused("restore", str(tmp_path / "copy.sqlite"), str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_damage_in_the_tail_is_found(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE batches SET body = zeroblob(length(body))")
    database.close()
    assert "does not match its checksum" in refused("verify", str(path))


def test_a_backup_overwrites_nothing_and_leaves_one_file(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    assert "Copied to" in done("backup", str(path), str(folder / "copy.sqlite"))
    assert [file.name for file in folder.iterdir()] == ["copy.sqlite"]
    assert values_of(folder / "copy.sqlite") == values_of(path)
    assert "nothing is overwritten" in refused("backup", str(path), str(folder / "copy.sqlite"))
    assert "cannot write" in refused("backup", str(path), str(tmp_path / "nowhere" / "copy.sqlite"))


def test_a_backup_is_put_in_the_place_of_the_journal_and_the_old_one_kept(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    done("backup", str(path), str(copy))
    before = values_of(path)
    going_on = opened(path)
    follow(going_on, going_on.head("south"), 9)
    going_on.close()
    after = values_of(path)
    said = done("restore", str(copy), f"sqlite:{path}")
    assert "It may be behind its clients now" in said
    assert values_of(path) == before
    (kept,) = tmp_path.glob("journal.before-restore-*.sqlite")
    assert str(kept) in said
    assert values_of(kept) == after
    again = opened(path)
    follow(again, again.head("south"), 1)
    again.close()
    assert "Restored to" in done("restore", str(copy), str(tmp_path / "elsewhere.sqlite"))
    assert values_of(tmp_path / "elsewhere.sqlite") == before


def test_a_log_that_is_left_of_a_killed_service_is_not_taken_for_the_new_journals(path: Path, tmp_path: Path) -> None:
    copy, killed = tmp_path / "copy.sqlite", tmp_path / "killed.sqlite"
    done("backup", str(path), str(copy))
    going_on = opened(path)
    follow(going_on, going_on.head("south"), 9)
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{killed}{end}")
    going_on.close()
    after = values_of(path)
    done("restore", str(copy), str(killed))
    assert len(values_of(killed)["south"]) == HOURS
    (kept,) = tmp_path.glob("killed.before-restore-*.sqlite")
    assert values_of(kept) == after


def test_a_compacted_journal_is_smaller_and_says_the_same(path: Path) -> None:
    filled = opened(path)
    for at in range(30):
        filled.create(Beginning(f"gone{at}", START, "", np.zeros((2_000, 2))))
    for at in range(30):
        filled.delete(f"gone{at}")
    filled.close()
    before = values_of(path), path.stat().st_size
    said = done("compact", str(path))
    assert "10 readings of the tail were folded" in said
    assert values_of(path) == before[0]
    assert path.stat().st_size < before[1] / 5
    assert "is sound: 3 sessions, 0 readings in the tail" in done("verify", str(path))


def test_readings_are_let_go_of_only_where_a_state_allows_it(path: Path) -> None:
    said = done("compact", str(path), "--keep-readings", "20")
    assert "2 sessions let go of 20 readings" in said  # up to step 9; the state after step 30 is too late
    assert {name: len(rows) for name, rows in values_of(path).items()} == {"north": 30, "south": 30, "empty": 0}
    said = done("compact", str(path), "--keep-readings", "20")
    assert "0 sessions let go of 0 readings" in said
    assert "2 sessions with more than that stay whole" in said
    left = opened(path)
    checkpoint, after = left.load(left.head("north").key, "a" * 64, 12)
    assert checkpoint is not None
    assert (checkpoint.step, after[:, 0].tolist()) == (9, [10, 11, 12])
    left.close()


@pytest.mark.parametrize("keeps", [True, False])
def test_an_older_journal_is_migrated_and_kept_as_it_was(tmp_path: Path, keeps: bool) -> None:
    path = Path(shutil.copy(FIXTURES / "journal-1.sqlite", tmp_path / "journal.sqlite"))
    before = values_of(path)
    assert "1 (today's is 2: migrate)" in done("inspect", str(path))
    assert "is sound" in done("verify", str(path))
    said = done("migrate", str(path), *([] if keeps else ["--no-backup"]))
    assert "was of format 1 and is of format 2 now" in said
    assert values_of(path) == before
    kept = list(tmp_path.glob("journal.format-1-*.sqlite"))
    assert len(kept) == keeps
    for old in kept:
        assert values_of(old) == before
        with Snapshot(old) as snapshot:
            assert snapshot.format == 1
    assert "there is nothing to do" in done("migrate", str(path))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("memory", "a journal in memory ends with its service"),
        ("redis://localhost:6379/0", "redis-cli --rdb"),
        ("sqlite:nowhere/journal.sqlite", "there is no journal nowhere/journal.sqlite"),
        (str(Path(__file__)), "is no journal"),
    ],
)
def test_what_is_no_such_journal_is_told_what_to_do(place: str, said: str) -> None:
    assert said in refused("verify", place)


def test_the_journals_of_workers_are_named_where_only_their_common_name_was_given(path: Path) -> None:
    path.rename(path.with_name("journal.1-of-2.sqlite"))
    assert "it is kept by workers, name one of journal.1-of-2.sqlite" in refused("inspect", str(path))


def test_a_database_of_something_else_and_a_newer_format_are_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "photos.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE photos (name TEXT)")
    database.close()
    assert "is no journal of Gatecast" in refused("inspect", str(other))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = 3 WHERE name = 'format'")
    database.close()
    for words in (("inspect",), ("verify",), ("migrate",), ("compact",)):
        assert "has format 3, this version reads formats 1 to 2" in refused(*words, str(path))
