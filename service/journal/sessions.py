"""The rows of sessions in SQLite, as they are read: each is held against its checksums; see rows.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.journal import exports, statics
from service.journal.asked import calibrated, scored, watched
from service.journal.checksums import MADE, PLACE, places
from service.journal.heads import MOST_KEYS, Heads
from service.journal.lineage import AND
from service.journal.protocol import FIRST_REVISION, NO_READING, Head, Wanted
from service.names import quoted

TOGETHER = 128  # sessions that are looked up in one statement
COLUMNS = (
    "key, name, start, revision, last_step, last_values, origin, static, regime, first_step, ttl, seen, expired, "
    "parent, exports, checksum, place_checksum"
)
# Of a name in the index and of the row that it leads to, so that a damaged index is seen and never believed.
FIND = (
    f"SELECT named.name, {', '.join(f'found.{column}' for column in COLUMNS.split(', '))} "
    "FROM sessions AS named CROSS JOIN sessions AS found ON found.key = named.key WHERE named.name IN ({})"
)
PLACES = (
    "SELECT found.key, revision, first_step, last_step, seen, expired, last_values, place_checksum "
    "FROM json_each(?) AS asked "
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
                raise ValueError(f"the name {quoted(named)} leads to the session {quoted(head.name)}")
            found[named] = head
    return found


def key_of(database: sqlite3.Connection, name: str) -> int | None:
    """The key of a session, sound or not; None where there is none, `ValueError` where the name leads astray."""
    found = database.execute(FIND.format("?"), (name,)).fetchone()
    if found is not None and found[2] != name:
        raise ValueError(f"the name {quoted(name)} leads to the session {quoted(found[2])}")
    return None if found is None else int(found[1])


def session_of(database: sqlite3.Connection, key: int, width: int) -> Head:
    """The session under a key that there is, as it stood after the last fold; `ValueError` if it is damaged."""
    row = database.execute(f"SELECT {COLUMNS} FROM sessions WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise ValueError(f"there is no row of session {key}")
    return head_of(row, width)


def head_of(row: Sequence[Any], width: int, guarded: bool = True) -> Head:
    """A session from its `COLUMNS`; `ValueError` names one that is damaged.

    Rows of format 1 are not guarded by checksums.
    """
    key, name, start, revision, last, values, origin, static, regime, first, ttl, seen, expired, parent, copies = row[
        :-2
    ]
    try:
        last_values = np.frombuffer(values, "<f8").reshape(width).astype(np.float64)
        if key < 1 or key > MOST_KEYS or revision < FIRST_REVISION or last < NO_READING or not 0 <= first <= last + 1:
            raise ValueError("an impossible key, revision or step")
        if guarded:
            MADE.check((key, name, start, origin, static, regime, ttl, parent, copies), row[-2])
            PLACE.check((key, revision, first, last, seen, expired, values), row[-1])
        return Head(
            key,
            name,
            start,
            revision,
            last,
            last_values,
            origin,
            statics.decode(static),
            watched(regime),
            first,
            ttl,
            float(seen),
            expired == 1,
            parent,
            exports.decode(copies),
            calibrated(regime),
            scored(regime),
        )
    except (TypeError, ValueError) as wrong:
        named = quoted(name) if isinstance(name, str) else repr(name)
        raise ValueError(f"session {named}: {wrong}") from wrong


def load_places(database: sqlite3.Connection, heads: Heads, keys: NDArray[np.int64]) -> None:
    """Sets where those of these sessions stand that there are, as folded. `ValueError` if one is damaged."""
    for first in range(0, len(keys), PLACES_AT_ONCE):
        asked = f"[{','.join(map(str, keys[first : first + PLACES_AT_ONCE].tolist()))}]"
        rows = database.execute(PLACES, (asked,)).fetchall()
        if not rows:
            continue
        *numbers, last_values, checksums = zip(*rows, strict=True)
        key, revision, first_step, last_step, seen, expired = map(np.array, numbers)
        values = np.frombuffer(b"".join(last_values), "<f8")
        possible = key.min() > 0 and revision.min() >= FIRST_REVISION and last_step.min() >= NO_READING
        if len(values) != len(rows) * heads.width or key.max() > MOST_KEYS or not possible:
            raise ValueError(f"one of the sessions under the keys {asked} has an impossible key, revision or step")
        values = values.reshape(len(rows), heads.width)
        found = places(key, revision, first_step, last_step, seen, expired, values)
        wrong = [number for number, one, other in zip(key.tolist(), found, checksums, strict=True) if one != other]
        if wrong:
            raise ValueError(f"where the session under the key {wrong[0]} stands does not match its checksum")
        signs = np.where(expired == 1, -1, 1)
        heads.put_all(key, revision * signs, last_step, values, first_step)


def list_sessions(database: sqlite3.Connection, wanted: Wanted, width: int) -> Iterator[Head]:
    """Those that are wanted, by name, as they stood after the last fold; `ValueError` if one is damaged.

    How many are wanted is the caller's to count.
    """
    texts: list[str] = []
    conditions: list[tuple[str, object]] = [("name >= ?", wanted.prefix)]
    if wanted.after >= wanted.prefix:
        conditions = [("name > ?", wanted.after)] if wanted.after else []
    if (end := _next_name(wanted.prefix)) is not None:
        conditions.append(("name < ?", end))
    if wanted.parent is not None:
        texts.append("parent <> ''" if wanted.parent else "parent = ''")
        if wanted.parent:  # alone, or with what it is of behind it
            conditions += [("parent >= ?", wanted.parent), ("parent < ?", wanted.parent + chr(ord(AND) + 1))]
    if wanted.ancestor is not None:
        texts.append("parent <> ''")
        conditions.append((f"instr(char({ord(AND)}) || parent || char({ord(AND)}), ?)", f"{AND}{wanted.ancestor}{AND}"))
    if wanted.idle_since is not None:
        conditions.append(("seen < ?", wanted.idle_since))
    if wanted.expired is not None:
        texts.append(f"expired = {int(wanted.expired)}")  # as text, since an index is known by it
    where = f"WHERE {' AND '.join([*(text for text, _ in conditions), *texts])} " if conditions or texts else ""
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
    """Sessions that have not been seen for as long as they live, as folded, the longest silent first.

    Nobody knows whether a damaged one is among them: it stays until it is asked for.
    """
    found = database.execute(
        f"SELECT {COLUMNS} FROM sessions WHERE ttl > 0 AND expired = 0 AND seen + ttl <= ? ORDER BY seen + ttl", (now,)
    )
    for row in found:
        try:
            yield head_of(row, width)
        except ValueError:
            continue


def folded_step(database: sqlite3.Connection, key: int) -> int:
    """The last step of a session that is in its segments; `ValueError` if it has no row."""
    row = database.execute("SELECT last_step FROM sessions WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise ValueError(f"there is no row of session {key}")
    return int(row[0])


def _next_name(prefix: str) -> str | None:
    """The first text, by code points, that comes after all those which begin so; None where there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[at]) + 1
        following = 0xE000 if following == 0xD800 else following  # surrogates are no characters
        if following <= 0x10FFFF:
            return prefix[:at] + chr(following)
    return None
