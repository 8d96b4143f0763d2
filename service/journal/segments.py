"""Folded readings: each session's values in order, cut into segments at fixed steps, so any step is found at once."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# A session with a million readings of one value has a thousand segments. Only the last one is not full, and it grows
# in place. Concatenation makes text of blobs without touching their bytes, hence the cast.
GROW = (
    "INSERT INTO segments (id, checksum, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "checksum = checksum(excluded.body, checksum), body = CAST(body || excluded.body AS BLOB)"
)
KEY_SHIFT = 32


def install(database: sqlite3.Connection) -> None:
    """Teaches a connection the checksum that goes on from one piece of a segment to the next."""
    database.create_function("checksum", 2, zlib.crc32, deterministic=True)


def add_readings(
    database: sqlite3.Connection,
    keys: NDArray[np.int64],  # (n,) ascending
    steps: NDArray[np.int64],  # (n,) ascending within a key, going on from what is folded
    values: NDArray[np.float64],  # (n, width)
    rows: int,
) -> None:
    """Writes readings behind those of their sessions, within the caller's transaction."""
    database.executemany(GROW, _cut((keys << KEY_SHIFT) + steps // rows, values))


def read_readings(
    database: sqlite3.Connection, key: int, first: int, last: int, rows: int, width: int
) -> NDArray[np.float64]:
    """The readings of steps `first` to `last`, (n, width); `ValueError` if they are not all there."""
    low, high = (key << KEY_SHIFT) + first // rows, (key << KEY_SHIFT) + last // rows
    found = database.execute(
        "SELECT checksum, body FROM segments WHERE id BETWEEN ? AND ? ORDER BY id", (low, high)
    ).fetchall()
    if any(zlib.crc32(body) != checksum for checksum, body in found):
        raise ValueError(f"readings between steps {first} and {last} of session {key} do not match their checksum")
    bodies = [body for _, body in found]
    row = 8 * width
    complete = len(bodies) == high - low + 1 and all(len(body) == rows * row for body in bodies[:-1])
    if not complete or len(bodies[-1]) < (last % rows + 1) * row:
        raise ValueError(f"readings between steps {first} and {last} of session {key} are missing")
    begin = (first % rows) * row
    values = np.frombuffer(b"".join(bodies)[begin : begin + (last - first + 1) * row], "<f8")
    return values.reshape(-1, width).astype(np.float64)


def put_readings(database: sqlite3.Connection, key: int, first: int, values: NDArray[np.float64], rows: int) -> None:
    """Writes the readings (n, width) of a session that has none, from step `first` on.

    `ValueError` where its segments would be counted into those of the next key.
    """
    if (first + max(len(values), 1) - 1) // rows >> KEY_SHIFT:
        raise ValueError(f"expected steps below {rows << KEY_SHIFT}, got {first + len(values) - 1}")
    before = first % rows if len(values) else 0  # of its first segment; nobody asks for them
    filled = np.concatenate((np.full((before, values.shape[1]), np.nan), values))
    steps = np.arange(first - before, first + len(values))
    add_readings(database, np.full(len(steps), key), steps, filled, rows)


def cut_readings(database: sqlite3.Connection, key: int, first: int, rows: int, width: int) -> None:
    """Deletes the readings of a session from step `first` on; `ValueError` if those beside them are damaged."""
    begin = first - first % rows
    stay = read_readings(database, key, begin, first - 1, rows, width) if first > begin else np.empty((0, width))
    low, high = (key << KEY_SHIFT) + begin // rows, (key + 1) << KEY_SHIFT
    database.execute("DELETE FROM segments WHERE id >= ? AND id < ?", (low, high))
    add_readings(database, np.full(len(stay), key), np.arange(begin, first), stay, rows)


def drop_before(database: sqlite3.Connection, key: int, first: int, rows: int) -> None:
    """Deletes the segments of a session that have nothing of step `first` or later."""
    low = key << KEY_SHIFT
    database.execute("DELETE FROM segments WHERE id >= ? AND id < ?", (low, low + first // rows))


def drop_readings(database: sqlite3.Connection, key: int) -> None:
    """Deletes all readings of a session, within the caller's transaction."""
    database.execute("DELETE FROM segments WHERE id >= ? AND id < ?", (key << KEY_SHIFT, (key + 1) << KEY_SHIFT))


def _cut(ids: NDArray[np.int64], values: NDArray[np.float64]) -> Iterator[tuple[int, int, memoryview]]:
    if not len(ids):
        return
    starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    row = 8 * values.shape[1]
    stops = np.append(starts[1:], len(ids)) * row
    data = values.astype("<f8", order="C", copy=False).data.cast("B")
    for segment, start, stop in zip(ids[starts].tolist(), (starts * row).tolist(), stops.tolist(), strict=True):
        yield segment, zlib.crc32(data[start:stop]), data[start:stop]
