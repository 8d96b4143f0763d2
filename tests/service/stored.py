"""Readings for the tests of the SQLite journal, and a look into its file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from service.journal import Head, Readings
from service.journal.sqlite import SqliteJournal


def rows_of(path: Path, table: str) -> int:
    """Rows of a table, seen by another reader while the owner has the journal open."""
    database = sqlite3.connect(path)
    (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    database.close()
    return int(count)


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float64)[:, None]


def go_on(journal: SqliteJournal, head: Head, first: int, count: int) -> None:
    """Appends, in one batch, readings whose value is their step."""
    steps = np.arange(first, first + count)
    values = steps.astype(np.float64)[:, None]
    assert journal.append(Readings(np.full(count, head.key), np.full(count, head.revision), steps, values)).all()
