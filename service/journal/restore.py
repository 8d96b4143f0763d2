"""What a SQLite journal does when it is opened: the tail is read, and of the sessions those alone that are in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from service.journal import batches
from service.journal.faults import sound
from service.journal.heads import NOBODY, Heads
from service.journal.protocol import Readings
from service.journal.sessions import load_places
from service.journal.tail import Tail

AT_ONCE = 2**16  # readings


def load_tail(database: sqlite3.Connection, path: Path, heads: Heads) -> tuple[Tail, int]:
    """The tail, and how many batches it has; the heads of its sessions then stand where the last append left them."""
    with sound(path, "read its tail"):
        found = database.execute("SELECT min(id), count(*) FROM batches").fetchone()
        tail = Tail(heads.width, found[0] or 0)
        for position, readings in _groups(database, heads.width):
            if position != tail.end:
                raise ValueError(f"readings {tail.end} to {position} of those waiting are missing")
            keys = np.unique(readings.keys)
            load_places(database, heads, keys[heads.slots(keys) == NOBODY])
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
