"""Whether a journal is sound: every session's row, segments, tail and checkpoints, each held against its checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from service.errors import JournalDamaged
from service.journal.checkpoints import checksum_of
from service.journal.protocol import Head
from service.journal.segments import KEY_SHIFT
from service.journal.snapshot import Snapshot
from service.journal.upgrade import FORMAT, schema_of


@dataclass(frozen=True)
class Damage:
    """What is wrong, and of which session; None: of the journal as a whole."""

    session: str | None
    what: str
    costs: bool = True  # readings; a checkpoint that is spoilt only costs a replay


def damages(snapshot: Snapshot) -> Iterator[Damage | None]:
    """What is damaged; None after each session, so that one sees how far it is."""
    yield from _file(snapshot)
    yield from _tail(snapshot)
    for name, row in snapshot.rows():
        try:
            yield from _session(snapshot, snapshot.head(row))
        except (ValueError, sqlite3.Error) as wrong:
            yield Damage(name, str(wrong.__cause__ or wrong))
        yield None
    yield from _checkpoints(snapshot)
    yield from _strays(snapshot)


def _file(snapshot: Snapshot) -> Iterator[Damage]:
    try:
        found = [text for (text,) in snapshot.database.execute("PRAGMA integrity_check(20)")]
    except sqlite3.Error as wrong:
        found = [str(wrong)]
    if snapshot.format == FORMAT and snapshot.meta.get("schema") != schema_of(snapshot.database):
        found.append("its tables and indexes are not described as they were made")
    yield from (Damage(None, text) for text in found if text != "ok")


def _tail(snapshot: Snapshot) -> Iterator[Damage]:
    """Batches that are missing in the middle; their checksums were looked at when the snapshot was opened."""
    end = None
    for position, rows in snapshot.database.execute("SELECT id, count FROM batches ORDER BY id"):
        if end is not None and position != end:
            yield Damage(None, f"readings {end} to {position} of those waiting are missing")
        end = position + rows


def _session(snapshot: Snapshot, folded: Head) -> Iterator[Damage]:
    try:
        head = snapshot.standing(folded)
        values = snapshot.readings(head)
    except (ValueError, JournalDamaged) as wrong:
        yield Damage(folded.name, str(wrong.__cause__ or wrong))
        return
    last = values[-1:] if len(values) else np.full((1, snapshot.width), np.nan)
    if not folded.expired and last.tobytes() != head.last_values.tobytes() and not _same(last, head.last_values):
        yield Damage(head.name, "its last reading is not the one that its row says")
    rows, first = snapshot.segment_rows, folded.key << KEY_SHIFT
    wanted = range(folded.first_step // rows, folded.last_step // rows + 1) if len(values) else range(0)
    found = snapshot.database.execute("SELECT id FROM segments WHERE id >= ? AND id < ?", (first, first + 2**KEY_SHIFT))
    if extra := [number for (number,) in found if number - first not in wanted]:
        yield Damage(head.name, f"{len(extra)} segments that are of none of its readings", costs=False)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.array_equal(one.ravel(), other, equal_nan=True))


def _checkpoints(snapshot: Snapshot) -> Iterator[Damage]:
    """Those that are spoilt; with each a replay is longer and nothing is lost, but where readings were let go of."""
    kinds = [("checkpoints", "id / 2")] + ([("bases", "kept.key")] if "bases" in snapshot.tables else [])
    for table, key in kinds:
        rows = snapshot.database.execute(
            f"SELECT {key}, name, kept.revision, step, digest, kept.checksum, body FROM {table} AS kept "
            f"LEFT JOIN sessions ON sessions.key = {key}"
        )
        for owner, name, revision, step, digest, checksum, body in rows:
            if checksum != checksum_of(owner, revision, step, digest, body):
                what = f"its state after step {step}, of bundle {digest[:12]}, does not match its checksum"
                yield Damage(name, what, costs=table == "bases")


def _strays(snapshot: Snapshot) -> Iterator[Damage]:
    """Readings that are no session's."""
    rows = snapshot.database.execute(
        f"SELECT id >> {KEY_SHIFT}, count(*) FROM segments "
        f"WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE key = id >> {KEY_SHIFT}) GROUP BY 1"
    )
    yield from (
        Damage(None, f"{count} segments under the key {key}, which is no session's", False) for key, count in rows
    )
