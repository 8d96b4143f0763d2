"""Checkpoints in SQLite: two of each session, each under a checksum, so that a spoilt one is passed over."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterable

import numpy as np

from service.journal.protocol import Checkpoint

# The row to write to: the one of the same step and bundle, else the one that does not hold the newest step.
SAVE = """
INSERT OR REPLACE INTO checkpoints (id, revision, step, digest, checksum, body) VALUES (
  coalesce(
    (SELECT id FROM checkpoints WHERE id IN (:one, :two)
      AND revision = :revision AND step = :step AND digest = :digest),
    (SELECT :one + :two - id FROM checkpoints WHERE id IN (:one, :two)
      ORDER BY revision DESC, step DESC LIMIT 1),
    :one),
  :revision, :step, :digest, :checksum, :body)
"""


def save_checkpoints(database: sqlite3.Connection, checkpoints: Iterable[tuple[int, Checkpoint]]) -> None:
    """Writes checkpoints by session key, within the caller's transaction."""
    database.executemany(SAVE, (_row(key, checkpoint) for key, checkpoint in checkpoints))


def newest_checkpoint(
    database: sqlite3.Connection, key: int, revision: int, last_step: int, digest: str | None
) -> Checkpoint | None:
    """The latest sound checkpoint of that revision, not beyond `last_step`; with `digest`, of that bundle."""
    found = database.execute(
        "SELECT step, digest, checksum, body FROM checkpoints WHERE id IN (?, ?) AND revision = ? AND step <= ? "
        "ORDER BY step DESC",
        (2 * key, 2 * key + 1, revision, last_step),
    )
    for step, made_by, checksum, body in found.fetchall():
        if digest not in (None, made_by) or checksum != _checksum(key, revision, step, made_by, body):
            continue
        return Checkpoint(step, revision, made_by, np.frombuffer(body, "<f4").astype(np.float32))
    return None


def drop_checkpoints(database: sqlite3.Connection, key: int) -> None:
    """Deletes all checkpoints of a session, within the caller's transaction."""
    database.execute("DELETE FROM checkpoints WHERE id IN (?, ?)", (2 * key, 2 * key + 1))


def _row(key: int, checkpoint: Checkpoint) -> dict[str, object]:
    body = checkpoint.body.astype("<f4").tobytes()
    step, revision, digest = int(checkpoint.step), int(checkpoint.revision), checkpoint.digest
    return {
        "one": 2 * key,
        "two": 2 * key + 1,
        "revision": revision,
        "step": step,
        "digest": digest,
        "checksum": _checksum(key, revision, step, digest, body),
        "body": body,
    }


def _checksum(key: int, revision: int, step: int, digest: str, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(digest.encode(), zlib.crc32(struct.pack("<qqq", key, revision, step))))
