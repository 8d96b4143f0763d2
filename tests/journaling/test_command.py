"""`gatecast journal` as it is typed, over journals that rest and over one that a service has open."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from datasets.reader import read_table
from service.journal import Checkpoint, Head, Readings, Subject, Wanted
from service.journal.ownership import Ownership
from service.journal.snapshot import Snapshot
from service.journal.sqlite import SqliteJournal
from tests.conftest import daily_wave

FIXTURES = Path(__file__).parents[1] / "fixtures"
START = 1_704_067_200  # 2024-01-01T00:00:00
SUBJECT = Subject("load", ("wind",), "Europe/Berlin")
HOURS = 40


def journal(*words: str) -> Result:
    return CliRunner().invoke(app, ["journal", *words], env={"COLUMNS": "200"})


def done(*words: str) -> str:
    """What it says where it does what it was told."""
    result = journal(*words)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: str) -> str:
    """What it says where it does not."""
    result = journal(*words)
    assert result.exit_code == 1, result.output
    return result.output


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal(path, 2, "1h", "process", segment_rows=8, subject=SUBJECT)


def follow(journal: SqliteJournal, head: Head, count: int) -> None:
    found = journal.head(head.name)
    assert found is not None
    steps = np.arange(found.last_step + 1, found.last_step + 1 + count)
    values = np.column_stack((steps, -steps)).astype(np.float64)
    values[steps % 7 == 3, 1] = np.nan
    batch = Readings(np.full(count, head.key), np.full(count, found.revision), steps, values)
    assert journal.append(batch).all()


def state(step: int, fill: str = "a") -> Checkpoint:
    return Checkpoint(step, 1, fill * 64, np.full(6, step, np.float32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Sessions north and south, each with HOURS readings, the last five of which wait in the tail; and an empty one."""
    found = tmp_path / "journal.sqlite"
    made = opened(found)
    heads = [
        made.create(name, START, "", np.zeros((0, 2)), static={"area": at + 1.5})
        for at, name in enumerate(("north", "south"))
    ]
    made.create("empty", START, "", np.zeros((0, 2)))
    for head in heads:
        follow(made, head, HOURS - 5)
    made.fold(10**6)
    made.save(np.array([head.key for head in heads]), [state(9), state(9)])
    made.save(np.array([heads[0].key]), [state(30)])
    for head in heads:
        follow(made, head, 5)
    made.close()
    return found


@pytest.fixture
def running(path: Path) -> Iterator[SqliteJournal]:
    """The journal of a service that has it open."""
    found = opened(path)
    yield found
    found.close()


def values_of(path: Path) -> dict[str, list[list[float]]]:
    with Snapshot(path) as snapshot:
        return {head.name: np.nan_to_num(snapshot.readings(head), nan=-999).tolist() for head in snapshot.sessions()}


def test_a_journal_is_shown_in_figures(path: Path) -> None:
    said = done("inspect", f"sqlite:{path}")
    for part in ("format", "1h", "load", '["wind"]', "Europe/Berlin", "70 folded", "aaaaaaaaaaaa", "kB"):
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
        filled.create(f"gone{at}", START, "", np.zeros((2_000, 2)))
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


def test_exported_readings_are_read_as_the_table_they_are(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "readings.parquet"
    said = done("export-readings", str(path), str(out))
    assert "80 readings of 2 sessions" in said
    assert f"gatecast train {out} --horizon … --static area" in said
    assert "has the target load: export with --own-name" in said
    table = read_table(out, static=["area"])
    assert (table.target, table.covariates, table.static, table.time_zone) == (
        "y",
        ("wind",),
        ("area",),
        "Europe/Berlin",
    )
    assert [(one.unique_id, one.start, one.static.tolist()) for one in table.series] == [
        ("north", START, [1.5]), ("south", START, [2.5]),
    ]  # fmt: skip
    for one in table.series:
        np.testing.assert_array_equal(np.nan_to_num(one.values, nan=-999), values_of(path)[one.unique_id])
    done("export-readings", str(path), str(out), "--prefix", "so", "--own-name")
    table = read_table(out, target_column="load")
    assert [one.unique_id for one in table.series] == ["south"]
    assert "there are no readings" in refused("export-readings", str(path), str(out), "--prefix", "west")


@pytest.mark.parametrize(
    ("zone", "frequency", "start"),
    [(None, "1h", START), ("UTC", "1h", START), ("+02:00", "15min", START), ("-03:30", "1d", START), (None, "1", 17)],
)
def test_times_come_back_as_they_were_whatever_the_zone(
    tmp_path: Path, zone: str | None, frequency: str, start: int
) -> None:
    path, out = tmp_path / "journal.sqlite", tmp_path / "out.parquet"
    made = SqliteJournal(path, 1, frequency, "process", subject=Subject("y", (), zone))
    made.create("s", start, "", np.arange(1.0, 9.0)[:, None])
    made.close()
    done("export-readings", str(path), str(out))
    table = read_table(out)
    (series,) = table.series
    assert (series.start, table.time_zone, table.frequency.alias) == (start, zone, frequency)
    assert series.values[:, 0].tolist() == list(range(1, 9))


def test_readings_at_times_that_the_clocks_skip_are_left_out_and_counted(tmp_path: Path) -> None:
    path, out = tmp_path / "journal.sqlite", tmp_path / "out.parquet"
    made = SqliteJournal(path, 1, "1h", "process", subject=Subject("y", (), "Europe/Berlin"))
    night = START + 90 * 86_400  # 2024-03-31T00:00:00; there is no hour from two to three
    made.create("s", night, "", np.arange(6.0)[:, None])
    made.create("silent", night, "", np.array([[0.0], [1.0], [np.nan], [3.0]]))
    made.close()
    assert "1 readings were left out" in done("export-readings", str(path), str(out))
    assert [one.values[:, 0].tolist()[3:] for one in read_table(out).series] == [[3, 4, 5], [3]]


def test_a_large_export_is_written_in_pieces(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import writer

    monkeypatch.setattr(writer, "ROWS", 30)
    out = tmp_path / "out.parquet"
    done("export-readings", str(path), str(out))
    assert pl.read_parquet(out).height == 80
    assert len(read_table(out).series) == 2


def test_a_model_is_trained_on_what_was_exported(tmp_path: Path) -> None:
    path, out = tmp_path / "journal.sqlite", tmp_path / "out.parquet"
    made = SqliteJournal(path, 1, "1h", "process", subject=Subject("y", (), None))
    for seed in range(2):
        made.create(f"s{seed}", START, "", daily_wave(500, seed)[:, None])
    made.close()
    done("export-readings", str(path), str(out))
    small = ("--horizon", "6", "--hidden", "8", "--batch", "2", "--steps", "2", "--out", str(tmp_path / "run"))
    result = CliRunner().invoke(app, ["train", str(out), *small], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output


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


def test_a_session_that_let_go_of_readings_is_exported_from_its_first_one_on(tmp_path: Path) -> None:
    path = Path(shutil.copy(FIXTURES / "journal-2.sqlite", tmp_path / "journal.sqlite"))
    out = tmp_path / "out.parquet"
    done("export-readings", str(path), str(out))
    table = {one.unique_id: one for one in read_table(out, static=["area", "floor"]).series}
    assert sorted(table) == ["fork", "revised", "short", "whole"]
    assert table["short"].values[:, 0].tolist() == list(range(6, 13))
    assert table["short"].start == table["whole"].start + 6 * 3600
    made = SqliteJournal(path, 1, "1h")
    assert [head.name for head in made.listing(Wanted(expired=True))] == ["gone"]
    made.close()
