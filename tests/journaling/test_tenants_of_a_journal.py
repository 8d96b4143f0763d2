"""What `gatecast journal` shows of a journal whose sessions are several tenants': names as clients know them."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from commands.main import app
from datasets.reader import read_table
from datasets.table import DataError
from service.journal import Beginning, Subject
from service.journal.sqlite import SqliteJournal
from service.logs import LogObserver, open_log
from service.names import inside, quoted
from tests.conftest import daily_wave
from tests.journaling.journals import START, done, refused

MARK = "\x1f"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three sessions of one name, and one more of a tenant whose name looks like a number."""
    found = tmp_path / "journal.sqlite"
    made = SqliteJournal(found, 1, "1h", "process", subject=Subject("y", (), None))
    for seed, (tenant, name) in enumerate([("", "meter"), ("acme", "meter"), ("beta", "meter"), ("42", "north/meter")]):
        made.create(Beginning(inside(tenant, name), START, "", daily_wave(500, seed)[:, None]))
    kept = made.kept(2)
    made.put(inside("acme", "fork"), kept.__class__(**{**vars(kept), "parent": inside("acme", "meter")}))
    made.close()
    return found


def test_exported_readings_say_whose_they_are_in_a_column(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "readings.parquet"
    assert MARK not in done("export-readings", str(path), str(out))
    frame = pl.read_parquet(out)
    assert frame.columns == ["tenant", "unique_id", "ds", "y"]
    assert set(frame.select("tenant", "unique_id").unique().rows()) == {
        ("default", "meter"), ("acme", "meter"), ("acme", "fork"), ("beta", "meter"), ("42", "north/meter"),
    }  # fmt: skip
    table = read_table(out)
    assert table.covariates == ()
    found = {one.unique_id: one.values[:, 0] for one in table.series}
    assert sorted(found) == ["42/north/meter", "acme/fork", "acme/meter", "beta/meter", "default/meter"]
    for seed, name in enumerate(["default/meter", "acme/meter", "beta/meter", "42/north/meter"]):
        np.testing.assert_array_equal(found[name], daily_wave(500, seed))


def test_one_tenants_readings_are_exported_alone_and_prefixes_are_of_names_as_clients_know_them(
    path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "readings.parquet"
    done("export-readings", str(path), str(out), "--tenant", "acme", "--prefix", "me")
    assert [one.unique_id for one in read_table(out).series] == ["acme/meter"]
    done("export-readings", str(path), str(out), "--tenant", "default")
    assert pl.read_parquet(out).columns == ["unique_id", "ds", "y"]
    assert [one.unique_id for one in read_table(out).series] == ["meter"]
    assert "there are no readings of the tenant gamma" in refused(
        "export-readings", str(path), str(out), "--tenant", "gamma"
    )


def test_a_model_is_trained_on_the_readings_of_all_tenants(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "readings.parquet"
    done("export-readings", str(path), str(out))
    small = ("--horizon", "6", "--hidden", "8", "--batch", "2", "--steps", "2", "--out", str(tmp_path / "run"))
    result = CliRunner().invoke(app, ["train", str(out), *small], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert MARK not in result.output


def test_inspect_finds_a_tenants_session_and_shows_its_name(path: Path) -> None:
    said = done("inspect", str(path), "--session", "fork", "--tenant", "acme")
    assert MARK not in said
    words = [line.strip("│ ").split() for line in said.splitlines()]
    assert ["tenant", "│", "acme"] in words
    assert ["fork", "of", "│", "meter"] in words
    assert MARK not in done("inspect", str(path), "--session", "meter")
    told = refused("inspect", str(path), "--session", "fork")
    assert "there is no session 'fork'" in told
    assert "--tenant" in told
    assert "of the tenant 'acme'" in refused("inspect", str(path), "--session", "nobody", "--tenant", "acme")
    assert MARK not in done("inspect", str(path))


def test_verify_tells_whose_session_is_damaged_and_the_log_tells_no_name(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE sessions SET last_step = 3 WHERE name = ?", (inside("acme", "meter"),))
    database.close()
    said = refused("verify", str(path))
    assert "session 'meter' of the tenant 'acme': " in said
    assert MARK not in said
    assert r"\x1f" not in said
    journal = SqliteJournal(path, 1, "1h", "process")
    with pytest.raises(Exception, match="session 'meter' of the tenant 'acme'") as caught:
        journal.head(inside("acme", "meter"))
    journal.close()
    out = io.StringIO()
    LogObserver(open_log("info", "json", out)).readiness(False, str(caught.value))
    assert "meter" not in out.getvalue()
    assert "acme" not in out.getvalue()
    assert "could not look sessions up" in out.getvalue()


@pytest.mark.parametrize("name", ["a", "it's", 'say "a"', "both ' and \"", "back\\slash'"])
def test_whatever_a_session_is_called_the_log_does_not_say_it(name: str) -> None:
    out = io.StringIO()
    said = f"the journal's row of session {quoted(inside('acme', 'Q' + name + 'Q'))}: wrong"
    LogObserver(open_log("info", "json", out)).readiness(False, said)
    assert "Q" not in out.getvalue()
    assert "the journal's row of session …: wrong" in json.loads(out.getvalue())["reason"]


def test_a_column_of_tenants_is_part_of_the_series_name_only_where_it_holds_words(tmp_path: Path) -> None:
    words, numbers, empty = tmp_path / "words.csv", tmp_path / "numbers.csv", tmp_path / "empty.csv"
    rows = [f"{{}},m,2024-01-0{day},{day}" for day in range(1, 9)]
    head = "tenant,unique_id,ds,y"
    words.write_text("\n".join([head, *(row.format("a") for row in rows), *(row.format("b") for row in rows)]))
    assert [one.unique_id for one in read_table(words).series] == ["a/m", "b/m"]
    numbers.write_text("\n".join([head, *(row.format(1) for row in rows)]))
    assert read_table(numbers).covariates == ("tenant",)
    empty.write_text("\n".join([head, *(row.format("" if at == 3 else "a") for at, row in enumerate(rows))]))
    with pytest.raises(DataError, match="'tenant', got an empty cell"):
        read_table(empty)
