"""The rows of sessions in SQLite: what each statement reads, and what it writes within the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.journal import exports, statics
from service.journal.heads import MOST_KEYS, Heads
from service.journal.protocol import FIRST_REVISION, NO_READING, Beginning, Head, Readings, Wanted
from service.journal.segments import add_readings

TOGETHER = 128  # sessions that are looked up in one statement
COLUMNS = (
    "key, name, start, revision, last_step, last_values, origin, static, regime, first_step, ttl, seen, expired, "
    "parent, exports"
)
# Of a name in the index and of the row that it leads to, so that a damaged index is seen and never believed.
FIND = (
    f"SELECT named.name, {', '.join(f'found.{column}' for column in COLUMNS.split(', '))} "
    "FROM sessions AS named CROSS JOIN sessions AS found ON found.key = named.key WHERE named.name IN ({})"
)
PLACES = (
    "SELECT found.key, revision, last_step, last_values, first_step, expired FROM json_each(?) AS asked "
    "CROSS JOIN sessions AS found ON found.key = asked.value"
)
PLACES_AT_ONCE = 2**12  # what Python makes of their rows is not given back to the system


def find_sessions(database: sqlite3.Connection, names: Sequence[str], width: int) -> dict[str, Head]:
    """Those of these sessions that there are, as they stood after the last fold. `ValueError` if one is damaged."""
    found: dict[str, Head] = {}
    for first in range(0, len(names), TOGETHER):
        some = names[first : first + TOGETHER]
        size = 1 if len(some) == 1 else TOGETHER  # two statements, which SQLite keeps prepared
        asked = [*some, *[None] * (size - len(some))]  # nobody has no name
        for named, *row in database.execute(FIND.format(", ".join("?" * size)), asked):
            head = head_of(row, width)
            if head.name != named:
                raise ValueError(f"the name {named!r} leads to the session {head.name!r}")
            found[named] = head
    return found


def session_of(database: sqlite3.Connection, key: int, width: int) -> Head:
    """The session under a key that there is, as it stood after the last fold; `ValueError` if it is damaged."""
    row = database.execute(f"SELECT {COLUMNS} FROM sessions WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise ValueError(f"there is no row of session {key}")
    return head_of(row, width)


def head_of(row: Sequence[Any], width: int) -> Head:
    """A session from its `COLUMNS`; `ValueError` names one that is damaged."""
    key, name, start, revision, last, values, origin, static, regime, first, ttl, seen, expired, parent, copies = row
    try:
        last_values = np.frombuffer(values, "<f8").reshape(width).astype(np.float64)
        if key < 1 or key > MOST_KEYS or revision < FIRST_REVISION or last < NO_READING or not 0 <= first <= last + 1:
            raise ValueError("an impossible key, revision or step")
        return Head(
            key,
            name,
            start,
            revision,
            last,
            last_values,
            origin,
            statics.decode(static),
            regime == 1,
            first,
            ttl,
            float(seen),
            expired == 1,
            parent,
            exports.decode(copies),
        )
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"session {name!r}: {wrong}") from wrong


def load_places(database: sqlite3.Connection, heads: Heads, keys: NDArray[np.int64]) -> None:
    """Sets where those of these sessions stand that there are, as folded. `ValueError` if one is damaged."""
    for first in range(0, len(keys), PLACES_AT_ONCE):
        asked = f"[{','.join(map(str, keys[first : first + PLACES_AT_ONCE].tolist()))}]"
        rows = database.execute(PLACES, (asked,)).fetchall()
        if not rows:
            continue
        key, revision, last_step, last_values, first_step, expired = zip(*rows, strict=True)
        values = np.frombuffer(b"".join(last_values), "<f8")
        possible = min(key) > 0 and min(revision) >= FIRST_REVISION and min(last_step) >= NO_READING
        if len(values) != len(rows) * heads.width or max(key) > MOST_KEYS or not possible:
            raise ValueError(f"one of the sessions under the keys {asked} has an impossible key, revision or step")
        signs = np.where(np.array(expired) == 1, -1, 1)
        heads.put_all(
            np.array(key),
            np.array(revision) * signs,
            np.array(last_step),
            values.reshape(len(rows), heads.width),
            np.array(first_step),
        )


def list_sessions(database: sqlite3.Connection, wanted: Wanted, width: int) -> Iterator[Head]:
    """Those that are wanted, by name, as they stood after the last fold; `ValueError` if one is damaged.

    How many are wanted is the caller's to count.
    """
    conditions: list[tuple[str, object]] = [("name >= ?", wanted.prefix)]
    if wanted.after >= wanted.prefix:
        conditions = [("name > ?", wanted.after)] if wanted.after else []
    if (end := _next_name(wanted.prefix)) is not None:
        conditions.append(("name < ?", end))
    if wanted.parent is not None:
        conditions.append(("parent = ? AND parent <> ''" if wanted.parent else "parent = ?", wanted.parent))
    if wanted.idle_since is not None:
        conditions.append(("seen < ?", wanted.idle_since))
    texts = [text for text, _ in conditions]
    if wanted.expired is not None:
        texts.append(f"expired = {int(wanted.expired)}")  # as text, since an index is known by it
    where = f"WHERE {' AND '.join(texts)} " if texts else ""
    found = database.execute(f"SELECT {COLUMNS} FROM sessions {where}ORDER BY name", [each for _, each in conditions])
    return (head_of(row, width) for row in found)


def count_sessions(database: sqlite3.Connection, prefix: str, without: str) -> int:
    """Sessions whose names begin with `prefix` and, if it is given, do not hold `without`."""
    conditions: list[tuple[str, str]] = [("name >= ?", prefix)]
    if (end := _next_name(prefix)) is not None:
        conditions.append(("name < ?", end))
    if without:
        conditions.append(("instr(name, ?) = 0", without))
    where = " AND ".join(text for text, _ in conditions)
    (count,) = database.execute(
        f"SELECT count(*) FROM sessions WHERE {where}", [each for _, each in conditions]
    ).fetchone()
    return int(count)


def due_sessions(database: sqlite3.Connection, now: float, width: int) -> Iterator[Head]:
    """Sessions that have not been seen for as long as they live, as folded, the longest silent first."""
    found = database.execute(
        f"SELECT {COLUMNS} FROM sessions WHERE ttl > 0 AND expired = 0 AND seen + ttl <= ? ORDER BY seen + ttl", (now,)
    )
    return (head_of(row, width) for row in found)


def insert_session(
    database: sqlite3.Connection, begun: Beginning, seen: float, first_step: int = 0, parent: str = ""
) -> int:
    """A new session at its last reading; returns its key, which no session had before."""
    cursor = database.execute(
        "INSERT INTO sessions (name, revision, start, last_step, last_values, origin, static, regime, ttl, "
        "first_step, parent, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (begun.name, FIRST_REVISION, *_columns(begun, first_step), first_step, parent, seen),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def update_session(
    database: sqlite3.Connection,
    key: int,
    revision: int,
    begun: Beginning,
    seen: float,
    first_step: int = 0,
    parent: str = "",
) -> None:
    """A session that starts anew; what was handed out of it stays noted."""
    database.execute(
        "UPDATE sessions SET revision = ?, start = ?, last_step = ?, last_values = ?, origin = ?, static = ?, "
        "regime = ?, ttl = ?, first_step = ?, parent = ?, seen = ?, expired = 0 WHERE key = ?",
        (revision, *_columns(begun, first_step), first_step, parent, seen, key),
    )


def place_session(database: sqlite3.Connection, key: int, **columns: object) -> None:
    """Sets some columns of one session."""
    names = ", ".join(f"{name} = ?" for name in columns)
    database.execute(f"UPDATE sessions SET {names} WHERE key = ?", (*columns.values(), key))


def folded_step(database: sqlite3.Connection, key: int) -> int:
    """The last step of a session that is in its segments; `ValueError` if it has no row."""
    row = database.execute("SELECT last_step FROM sessions WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise ValueError(f"there is no row of session {key}")
    return int(row[0])


def move_on(database: sqlite3.Connection, readings: Readings, rows: int, seen: float) -> None:
    """Writes readings, sorted by key and step, to the segments and moves their sessions on to them."""
    keys, steps, values = readings.keys, readings.steps, readings.values
    add_readings(database, keys, steps, values, rows)
    final = np.flatnonzero(np.append(keys[1:] != keys[:-1], len(keys) > 0))  # (sessions,) the last row of each
    places = zip(steps[final].tolist(), _blobs(values[final]), repeat(float(seen)), keys[final].tolist(), strict=False)
    database.executemany("UPDATE sessions SET last_step = ?, last_values = ?, seen = ? WHERE key = ?", places)


def last_of(values: NDArray[np.float64]) -> bytes:
    """The last of the rows (steps, width) as its column holds it; missing where there is none."""
    return np.ascontiguousarray(values[-1:] if len(values) else np.full((1, values.shape[1]), np.nan), "<f8").tobytes()


def _next_name(prefix: str) -> str | None:
    """The first text, by code points, that comes after all those which begin so; None where there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[at]) + 1
        following = 0xE000 if following == 0xD800 else following  # surrogates are no characters
        if following <= 0x10FFFF:
            return prefix[:at] + chr(following)
    return None


def _blobs(values: NDArray[np.float64]) -> Iterator[bytes]:
    data = np.ascontiguousarray(values, "<f8").tobytes()
    width = 8 * values.shape[1]
    return (data[at : at + width] for at in range(0, len(data), width))


def _columns(begun: Beginning, first_step: int) -> tuple[int, int, bytes, str, str | None, int, int]:
    """Start, last step, last values, origin, static features, regime and ttl, as their columns hold them."""
    last, static = last_of(begun.values), statics.encode(begun.static)
    step = first_step + len(begun.values) - 1
    return int(begun.start), step, last, begun.origin, static, int(begun.regime), int(begun.ttl)
