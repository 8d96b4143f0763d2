"""An appended batch as one blob: columns of raw little-endian numbers under a small header with their checksum."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from service.journal.protocol import Readings

HEADER = struct.Struct("<HHII")  # format, width, rows, checksum of what follows
FORMAT = 1


def encode(readings: Readings) -> bytes:
    """Keys and revisions as uint32, steps as int64, values as float64 row by row."""
    columns = b"".join(
        (
            readings.keys.astype("<u4").tobytes(),
            readings.revisions.astype("<u4").tobytes(),
            readings.steps.astype("<i8").tobytes(),
            readings.values.astype("<f8").tobytes(),
        )
    )
    rows, width = readings.values.shape
    return HEADER.pack(FORMAT, width, rows, zlib.crc32(columns)) + columns


def decode(body: bytes, rows: int, width: int) -> Readings:
    """The readings of a blob that should hold `rows` of them; `ValueError` says what is wrong with it."""
    if len(body) != HEADER.size + rows * (4 + 4 + 8 + 8 * width):
        raise ValueError(f"expected a batch of {rows} readings of {width} values, got {len(body)} bytes")
    if HEADER.unpack_from(body) != (FORMAT, width, rows, zlib.crc32(memoryview(body)[HEADER.size :])):
        raise ValueError(f"a batch of {rows} readings does not match its checksum")
    place = HEADER.size
    keys = np.frombuffer(body, "<u4", rows, place)
    revisions = np.frombuffer(body, "<u4", rows, place + 4 * rows)
    steps = np.frombuffer(body, "<i8", rows, place + 8 * rows)
    values = np.frombuffer(body, "<f8", rows * width, place + 16 * rows).reshape(rows, width)
    return Readings(keys.astype(np.int64), revisions.astype(np.int64), steps, values)
