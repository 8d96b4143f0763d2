"""Journals for the tests of `gatecast journal`, and the command as it is typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from service.journal import Checkpoint, Head, Readings, Subject
from service.journal.snapshot import Snapshot
from service.journal.sqlite import SqliteJournal

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


def values_of(path: Path) -> dict[str, list[list[float]]]:
    with Snapshot(path) as snapshot:
        return {head.name: np.nan_to_num(snapshot.readings(head), nan=-999).tolist() for head in snapshot.sessions()}
