"""The rows of sessions in SQLite, as they are written, with their checksums, within the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.journal import exports, statics
from service.journal.asked import asked
from service.journal.checksums import MADE, PARTS, PLACE, Part, made, place, places
from service.journal.protocol import FIRST_REVISION, Beginning, Export, Readings
from service.journal.segments import add_readings

UNSIGNED = -1  # in the place of a checksum, which never is negative


def insert_session(
    database: sqlite3.Connection, begun: Beginning, seen: float, first_step: int = 0, parent: str = ""
) -> int:
    """A new session at its last reading; returns its key, which no session had before."""
    cursor = database.execute(
        "INSERT INTO sessions (name, revision, start, last_step, last_values, origin) VALUES (?, 0, 0, 0, x'', '')",
        (begun.name,),
    )
    assert cursor.lastrowid is not None
    update_session(database, cursor.lastrowid, FIRST_REVISION, begun, seen, first_step, parent)
    return cursor.lastrowid


def update_session(
    database: sqlite3.Connection,
    key: int,
    revision: int,
    begun: Beginning,
    seen: float,
    first_step: int = 0,
    parent: str = "",
    copies: Sequence[Export] = (),
) -> None:
    """A session that starts anew, from whatever it was; the copies that were handed out of it stay noted."""
    start, ttl, regime, seen = int(begun.start), int(begun.ttl), asked(begun), float(seen)
    static, noted, last = statics.encode(begun.static), exports.encode(copies), last_of(begun.values)
    step = first_step + len(begun.values) - 1
    database.execute(
        "UPDATE sessions SET revision = ?, start = ?, last_step = ?, last_values = ?, origin = ?, static = ?, "
        "regime = ?, ttl = ?, first_step = ?, parent = ?, seen = ?, expired = 0, exports = ?, checksum = ?, "
        "place_checksum = ? WHERE key = ?",
        (
            *(revision, start, step, last, begun.origin, static, regime, ttl, first_step, parent, seen, noted),
            made(key, begun.name, start, begun.origin, static, regime, ttl, parent, noted),
            place(key, revision, first_step, step, seen, 0, last),
            key,
        ),
    )


def place_session(database: sqlite3.Connection, key: int, **columns: object) -> None:
    """Sets some columns of where a session stands; `ValueError` if it is damaged there."""
    _set(database, key, PLACE, columns)


def note_exports(database: sqlite3.Connection, key: int, copies: Sequence[Export]) -> None:
    """Sets the copies that were handed out of a session; `ValueError` if what it was made from is damaged."""
    _set(database, key, MADE, {"exports": exports.encode(copies)})


def sign_sessions(database: sqlite3.Connection) -> None:
    """Writes the checksums of all rows, as they are; what cannot be one stays without, and is damaged.

    In one statement, which takes no more memory for more sessions.
    """
    for part in PARTS:
        database.create_function(part.checksum, len(part.columns), _signed(part), deterministic=True)
    # As blobs: texts that are none would end the statement.
    texts = {"name", "origin", "static", "parent", "exports"}
    names = [[f"CAST({name} AS BLOB)" if name in texts else name for name in part.columns] for part in PARTS]
    signed = [f"{part.checksum} = {part.checksum}({', '.join(of)})" for part, of in zip(PARTS, names, strict=True)]
    database.execute(f"UPDATE sessions SET {', '.join(signed)}")


def move_on(
    database: sqlite3.Connection,
    readings: Readings,
    firsts: NDArray[np.int64],  # (n,) the first kept step of each one's session
    rows: int,
    seen: float,
) -> None:
    """Writes readings, sorted by key and step, to the segments and moves their sessions on to them."""
    keys, steps, values = readings.keys, readings.steps, readings.values
    add_readings(database, keys, steps, values, rows)
    final = np.flatnonzero(np.append(keys[1:] != keys[:-1], len(keys) > 0))  # (sessions,) the last row of each
    keys, steps, values, seen = keys[final], steps[final], np.ascontiguousarray(values[final], "<f8"), float(seen)
    signed = places(keys, readings.revisions[final], firsts[final], steps, seen, 0, values)
    moved = zip(steps.tolist(), _blobs(values), repeat(seen), signed, keys.tolist(), strict=False)
    database.executemany(
        "UPDATE sessions SET last_step = ?, last_values = ?, seen = ?, place_checksum = ? WHERE key = ?", moved
    )


def last_of(values: NDArray[np.float64]) -> bytes:
    """The last of the rows (steps, width) as its column holds it; missing where there is none."""
    return np.ascontiguousarray(values[-1:] if len(values) else np.full((1, values.shape[1]), np.nan), "<f8").tobytes()


def _set(database: sqlite3.Connection, key: int, part: Part, columns: Mapping[str, object]) -> None:
    """Sets columns of one part of a row, and its checksum; `ValueError` if that part is damaged."""
    row = database.execute(
        f"SELECT {', '.join(part.columns)}, {part.checksum} FROM sessions WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        raise ValueError(f"there is no row of session {key}")
    try:
        part.check(row[:-1], row[-1])
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"the session under the key {key}: {wrong}") from wrong
    anew = {**dict(zip(part.columns, row, strict=False)), **columns}
    names = ", ".join(f"{name} = ?" for name in (*columns, part.checksum))
    database.execute(f"UPDATE sessions SET {names} WHERE key = ?", (*columns.values(), part.of(*anew.values()), key))


def _signed(part: Part) -> Callable[..., int]:
    def signed(*columns: Any) -> int:
        try:
            return part.of(*columns)
        except (TypeError, ValueError):
            return UNSIGNED

    return signed


def _blobs(values: NDArray[np.float64]) -> Iterator[bytes]:
    data = values.tobytes()
    width = 8 * values.shape[1]
    return (data[at : at + width] for at in range(0, len(data), width))
