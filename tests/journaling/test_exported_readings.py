"""`gatecast journal export-readings`: what it writes is the table that was recorded, and a model is trained on it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from commands.main import app
from datasets import writer
from datasets.reader import read_table
from service.journal import Beginning, Subject, Wanted
from service.journal.sqlite import SqliteJournal
from tests.conftest import daily_wave
from tests.journaling.journals import FIXTURES, START, done, refused, values_of


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


def test_an_older_file_stays_where_nothing_whole_can_take_its_place(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "readings.parquet"
    out.write_bytes(b"older")
    assert "there are no readings" in refused("export-readings", str(path), str(out), "--prefix", "west")
    database = sqlite3.connect(path)
    database.execute("UPDATE segments SET body = zeroblob(length(body)) WHERE id >> 32 = 2")
    database.commit()
    database.close()
    assert "session 'south'" in refused("export-readings", str(path), str(out))
    assert [each.name for each in tmp_path.glob("*.parquet*")] == ["readings.parquet"]
    assert out.read_bytes() == b"older"


@pytest.mark.parametrize(
    ("zone", "frequency", "start"),
    [(None, "1h", START), ("UTC", "1h", START), ("+02:00", "15min", START), ("-03:30", "1d", START), (None, "1", 17)],
)
def test_times_come_back_as_they_were_whatever_the_zone(
    tmp_path: Path, zone: str | None, frequency: str, start: int
) -> None:
    path, out = tmp_path / "journal.sqlite", tmp_path / "out.parquet"
    made = SqliteJournal(path, 1, frequency, "process", subject=Subject("y", (), zone))
    made.create(Beginning("s", start, "", np.arange(1.0, 9.0)[:, None]))
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
    made.create(Beginning("s", night, "", np.arange(6.0)[:, None]))
    made.create(Beginning("silent", night, "", np.array([[0.0], [1.0], [np.nan], [3.0]])))
    made.close()
    assert "1 readings were left out" in done("export-readings", str(path), str(out))
    assert [one.values[:, 0].tolist()[3:] for one in read_table(out).series] == [[3, 4, 5], [3]]


def test_a_large_export_is_written_in_pieces(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS", 30)
    out = tmp_path / "out.parquet"
    done("export-readings", str(path), str(out))
    assert pl.read_parquet(out).height == 80
    assert len(read_table(out).series) == 2


def test_a_model_is_trained_on_what_was_exported(tmp_path: Path) -> None:
    path, out = tmp_path / "journal.sqlite", tmp_path / "out.parquet"
    made = SqliteJournal(path, 1, "1h", "process", subject=Subject("y", (), None))
    for seed in range(2):
        made.create(Beginning(f"s{seed}", START, "", daily_wave(500, seed)[:, None]))
    made.close()
    done("export-readings", str(path), str(out))
    small = ("--horizon", "6", "--hidden", "8", "--batch", "2", "--steps", "2", "--out", str(tmp_path / "run"))
    result = CliRunner().invoke(app, ["train", str(out), *small], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output


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
