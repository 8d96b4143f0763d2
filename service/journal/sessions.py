"""The rows of sessions in SQLite: what each statement writes, within the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.journal import statics
from service.journal.protocol import FIRST_REVISION, Beginning, Readings
from service.journal.segments import add_readings

TOGETHER = 128  # sessions that are looked up in one statement
# Of a name in the index and of the row that it leads to, so that a damaged index is seen and never believed.
FIND = (
    "SELECT named.name, found.name, found.key, found.start, found.origin, found.static, found.regime "
    "FROM sessions AS named CROSS JOIN sessions AS found ON found.key = named.key WHERE named.name IN ({})"
)


def find_sessions(database: sqlite3.Connection, names: Sequence[str], width: int) -> dict[str, tuple[int, Beginning]]:
    """Those of these sessions that there are: the key of each, and what it began with but for its readings.

    `ValueError` if one is damaged.
    """
    found: dict[str, tuple[int, Beginning]] = {}
    nothing = np.empty((0, width))
    for first in range(0, len(names), TOGETHER):
        some = names[first : first + TOGETHER]
        size = 1 if len(some) == 1 else TOGETHER  # two statements, which SQLite keeps prepared
        asked = [*some, *[None] * (size - len(some))]  # nobody has no name
        for named, name, key, start, origin, static, regime in database.execute(
            FIND.format(", ".join("?" * size)), asked
        ):
            if name != named:
                raise ValueError(f"the name {named!r} leads to the session {name!r}")
            found[name] = key, Beginning(name, start, origin, nothing, statics.decode(static), regime == 1)
    return found


def insert_session(database: sqlite3.Connection, begun: Beginning) -> int:
    """A new session at its last reading; returns its key, which no session had before."""
    cursor = database.execute(
        "INSERT INTO sessions (name, revision, start, last_step, last_values, origin, static, regime) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (begun.name, FIRST_REVISION, *_columns(begun)),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def update_session(database: sqlite3.Connection, key: int, revision: int, begun: Beginning) -> None:
    """A session that starts anew."""
    database.execute(
        "UPDATE sessions SET revision = ?, start = ?, last_step = ?, last_values = ?, origin = ?, static = ?, "
        "regime = ? WHERE key = ?",
        (revision, *_columns(begun), key),
    )


def move_on(database: sqlite3.Connection, readings: Readings, rows: int) -> None:
    """Writes readings, sorted by key and step, to the segments and moves their sessions on to them."""
    keys, steps, values = readings.keys, readings.steps, readings.values
    add_readings(database, keys, steps, values, rows)
    final = np.flatnonzero(np.append(keys[1:] != keys[:-1], len(keys) > 0))  # (sessions,) the last row of each
    last = np.ascontiguousarray(values[final], "<f8")
    width = last.itemsize * last.shape[1]
    data = last.tobytes()
    blobs = [data[at : at + width] for at in range(0, len(data), width)]
    database.executemany(
        "UPDATE sessions SET last_step = ?, last_values = ? WHERE key = ?",
        zip(steps[final].tolist(), blobs, keys[final].tolist(), strict=True),
    )


def _columns(begun: Beginning) -> tuple[int, int, bytes, str, str | None, int]:
    """Start, last step, last values, origin, static features and regime, as their columns hold them."""
    last, static = _last_of(begun.values).tobytes(), statics.encode(begun.static)
    return int(begun.start), len(begun.values) - 1, last, begun.origin, static, int(begun.regime)


def _last_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last of the rows (steps, width) as (1, width); missing where there is none."""
    return np.ascontiguousarray(values[-1:] if len(values) else np.full((1, values.shape[1]), np.nan), "<f8")
