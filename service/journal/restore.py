"""What a SQLite journal does when it is opened: the heads as folded, then the tail on top, by columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from service.journal import batches, statics
from service.journal.faults import sound
from service.journal.heads import MOST_KEYS, NOBODY, Heads
from service.journal.protocol import FIRST_REVISION, NO_READING, Readings
from service.journal.tail import Tail

AT_ONCE = 2**16  # readings
SESSIONS_AT_ONCE = 2**12  # what Python makes of their rows is not given back to the system


def load_heads(database: sqlite3.Connection, path: Path, width: int) -> Heads:
    """Where the sessions stand after the last fold; the rest of them stays in the database."""
    heads = Heads(width)
    with sound(path, "read its sessions"):
        cursor = database.execute("SELECT key, revision, last_step, last_values, static FROM sessions")
        while rows := cursor.fetchmany(SESSIONS_AT_ONCE):
            keys, revision, last_step, last, static = zip(*rows, strict=True)
            values = np.frombuffer(b"".join(last), "<f8")
            if min(keys) < 1 or max(keys) > MOST_KEYS or min(revision) < FIRST_REVISION or min(last_step) < NO_READING:
                raise ValueError("a session has an impossible key, revision or step")
            for text in filter(None, static):
                statics.decode(text)
            by_session = values.reshape(len(rows), width)
            heads.put_all(np.array(keys), np.array(revision), np.array(last_step), by_session)
    return heads


def load_tail(database: sqlite3.Connection, path: Path, heads: Heads) -> tuple[Tail, int]:
    """The tail, after which the heads stand where the last append left them; and how many batches it has."""
    with sound(path, "read its tail"):
        found = database.execute("SELECT min(id), count(*) FROM batches").fetchone()
        tail = Tail(heads.width, found[0] or 0)
        for position, readings in _groups(database, heads.width):
            if position != tail.end:
                raise ValueError(f"readings {tail.end} to {position} of those waiting are missing")
            _apply(readings, heads, tail)
    return tail, found[1]


def _apply(readings: Readings, heads: Heads, tail: Tail) -> None:
    """Rows of deleted sessions, of former revisions and those already folded stay in place, as nobody's."""
    slots = heads.slots(readings.keys)
    alive = (heads.revision[slots] == readings.revisions) & (heads.last_step[slots] < readings.steps)
    slots[~alive] = NOBODY
    follows, _ = heads.judge(slots, readings)
    if not np.array_equal(follows, alive):
        raise ValueError("the readings of a session do not go on from those before")
    heads.advance(slots[alive], readings.steps[alive], readings.values[alive])
    keys = np.where(alive, readings.keys, 0)
    tail.push(Readings(keys, readings.revisions, readings.steps, readings.values), slots, heads.tail)


def _groups(database: sqlite3.Connection, width: int) -> Iterator[tuple[int, Readings]]:
    """Batches joined to groups of many readings, each with the position of its first."""
    group: list[Readings] = []
    first = end = 0
    for position, rows, body in database.execute("SELECT id, count, body FROM batches ORDER BY id"):
        if group and (position != end or end - first >= AT_ONCE):
            yield first, _joined(group)
            group = []
        if not group:
            first = position
        group.append(batches.decode(body, rows, width))
        end = position + rows
    if group:
        yield first, _joined(group)


def _joined(group: list[Readings]) -> Readings:
    return Readings(
        np.concatenate([batch.keys for batch in group]),
        np.concatenate([batch.revisions for batch in group]),
        np.concatenate([batch.steps for batch in group]),
        np.concatenate([batch.values for batch in group]),
    )
