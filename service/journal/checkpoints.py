"""Checkpoints in SQLite, two of each session and its bases, each under a checksum: a spoilt one is passed over."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.journal.protocol import Checkpoint

# The two rows of each session, found in one statement for a whole group.
FIND = (
    "SELECT kept.id, revision, step, digest{} FROM json_each(?) AS asked "
    "CROSS JOIN checkpoints AS kept ON kept.id = asked.value"
)
BARE, WHOLE = FIND.format(""), FIND.format(", checksum, body")
OF_ONE = "SELECT revision, step, digest, checksum, body FROM"
SAVE = "INSERT OR REPLACE INTO checkpoints (id, revision, step, digest, checksum, body) VALUES (?, ?, ?, ?, ?, ?)"


def save_checkpoints(database: sqlite3.Connection, checkpoints: Iterable[tuple[int, Checkpoint]]) -> None:
    """Writes checkpoints by session key, within the caller's transaction; of several of one session the last ones stay.

    Each goes to the row of the same step and bundle, else to the one that does not hold the newest step.
    """
    pairs = sorted(checkpoints, key=lambda pair: pair[0])  # neighbours share pages
    keys = dict.fromkeys(key for key, _ in pairs)
    there = {row[0]: row[1:] for row in database.execute(BARE, (_ids(keys),))}
    rows = []
    for key, checkpoint in pairs:
        body = checkpoint.body.astype("<f4").tobytes()
        place = int(checkpoint.revision), int(checkpoint.step), checkpoint.digest
        row = _row(2 * key, place, there)
        there[row] = place
        rows.append((row, *place, checksum_of(key, *place, body), body))
    database.executemany(SAVE, rows)


def states_at(
    database: sqlite3.Connection, keys: Sequence[int], revisions: Sequence[int], steps: Sequence[int], digest: str
) -> list[NDArray[np.float32] | None]:
    """The bodies of sound checkpoints of that bundle at just these revisions and steps; None where there is none."""
    found: dict[int, NDArray[np.float32]] = {}
    wanted = dict(zip(keys, zip(revisions, steps, strict=True), strict=True))
    for row, revision, step, made_by, checksum, body in database.execute(WHOLE, (_ids(wanted),)):
        key = row // 2
        ours = made_by == digest and (revision, step) == wanted[key]
        if ours and checksum == checksum_of(key, revision, step, made_by, body):
            found[key] = np.frombuffer(body, "<f4").astype(np.float32)
    return [found.get(key) for key in keys]


def newest_checkpoint(
    database: sqlite3.Connection, key: int, revision: int, steps: tuple[int, int], digest: str | None
) -> Checkpoint | None:
    """The latest sound checkpoint of that revision, of a step between these two; with `digest`, of that bundle."""
    found = database.execute(
        "SELECT step, digest, checksum, body FROM checkpoints WHERE id IN (?, ?) AND revision = ? "
        "AND step BETWEEN ? AND ? ORDER BY step DESC",
        (2 * key, 2 * key + 1, revision, *steps),
    )
    for step, made_by, checksum, body in found.fetchall():
        if digest not in (None, made_by) or checksum != checksum_of(key, revision, step, made_by, body):
            continue
        return Checkpoint(step, revision, made_by, np.frombuffer(body, "<f4").astype(np.float32))
    return None


def checkpoints_of(database: sqlite3.Connection, key: int, revision: int) -> list[Checkpoint]:
    """All sound checkpoints of a session's revision."""
    return _sound(key, revision, database.execute(f"{OF_ONE} checkpoints WHERE id IN (?, ?)", _places(key)))


def bases_of(database: sqlite3.Connection, key: int, revision: int) -> tuple[list[Checkpoint], bool]:
    """The sound states from which the kept readings of a session can be replayed, and whether they are all there are.

    One that is damaged may have been of any bundle.
    """
    rows = database.execute(f"{OF_ONE} bases WHERE key = ?", (key,)).fetchall()
    sound = _sound(key, revision, rows)
    return sound, len(sound) == len(rows)


def renew_bases(database: sqlite3.Connection, key: int, revision: int, anew: int) -> None:
    """The bases become of the revision `anew`, within the caller's transaction; one that is damaged stays so."""
    for base in bases_of(database, key, revision)[0]:
        checksum = checksum_of(key, anew, base.step, base.digest, base.body.astype("<f4").tobytes())
        database.execute(
            "UPDATE bases SET revision = ?, checksum = ? WHERE key = ? AND revision = ? AND step = ? AND digest = ?",
            (anew, checksum, key, revision, base.step, base.digest),
        )


def set_bases(database: sqlite3.Connection, key: int, revision: int, bases: Iterable[Checkpoint]) -> None:
    """Puts these in the place of a session's bases, within the caller's transaction."""
    database.execute("DELETE FROM bases WHERE key = ?", (key,))
    for base in bases:
        body = base.body.astype("<f4").tobytes()
        place = revision, int(base.step), base.digest
        row = key, *place, checksum_of(key, *place, body), body
        database.execute(
            "INSERT INTO bases (key, revision, step, digest, checksum, body) VALUES (?, ?, ?, ?, ?, ?)", row
        )


def keep_checkpoints(
    database: sqlite3.Connection, key: int, revision: int, steps: tuple[int, int], anew: int | None = None
) -> None:
    """Drops those of a session that are of no step between these two; the others become of the revision `anew`."""
    kept = [each for each in checkpoints_of(database, key, revision) if steps[0] <= each.step <= steps[1]]
    database.execute("DELETE FROM checkpoints WHERE id IN (?, ?)", _places(key))
    save_checkpoints(database, [(key, replace(each, revision=anew or revision)) for each in kept])


def drop_checkpoints(database: sqlite3.Connection, key: int) -> None:
    """Deletes all checkpoints of a session, its bases too, within the caller's transaction."""
    database.execute("DELETE FROM checkpoints WHERE id IN (?, ?)", _places(key))
    database.execute("DELETE FROM bases WHERE key = ?", (key,))


def checksum_of(key: int, revision: int, step: int, digest: str, body: bytes) -> int:
    """What stands beside a checkpoint, so that a spoilt one is known."""
    return zlib.crc32(body, zlib.crc32(digest.encode(), zlib.crc32(struct.pack("<qqq", key, revision, step))))


def _sound(key: int, revision: int, rows: Iterable[tuple[int, int, str, int, bytes]]) -> list[Checkpoint]:
    return [
        Checkpoint(step, revision, digest, np.frombuffer(body, "<f4").astype(np.float32))
        for made_in, step, digest, checksum, body in rows
        if made_in == revision and checksum == checksum_of(key, revision, step, digest, body)
    ]


def _places(key: int) -> tuple[int, int]:
    return 2 * key, 2 * key + 1


def _ids(keys: Iterable[int]) -> str:
    """The numbers of both rows of each key, as JSON."""
    return f"[{','.join(f'{2 * key},{2 * key + 1}' for key in keys)}]"


def _row(first: int, new: tuple[int, int, str], there: Mapping[int, tuple[int, int, str]]) -> int:
    """Which of the rows `first` and `first + 1` a checkpoint goes to; `there`: revision, step and bundle of each."""
    one, two = there.get(first), there.get(first + 1)
    if one is None or one == new:
        return first
    return first + 1 if two is None or two == new or one[:2] >= two[:2] else first
