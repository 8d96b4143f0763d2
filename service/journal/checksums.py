"""The two checksums of a session's row: of what it was made from, and of where it stands, which moves on.

What moves a session on writes the second alone, from what it knows: damage to the rest of the row stays damage.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MADE_NUMBERS = struct.Struct("<qqqq5q")  # key, start, regime, ttl; the bytes of each text, -1 for null
PLACE_NUMBERS = struct.Struct("<qqqqdq")  # key, revision, first and last step, seen, expired
PLACE_RECORD = [("key", "<i8"), ("revision", "<i8"), ("first_step", "<i8"), ("last_step", "<i8"), ("seen", "<f8")]


def made(
    key: int,
    name: str | bytes,
    start: int,
    origin: str | bytes,
    static: str | bytes | None,
    regime: int,
    ttl: int,
    parent: str | bytes,
    exports: str | bytes | None,
) -> int:
    """Of what these columns hold; `ValueError` where that is nothing they can hold."""
    texts = [text.encode() if isinstance(text, str) else text for text in (name, origin, static, parent, exports)]
    lengths = [-1 if text is None else len(text) for text in texts]
    try:
        numbers = MADE_NUMBERS.pack(key, start, regime, ttl, *lengths)
    except struct.error as wrong:
        raise ValueError(f"its columns do not hold what they should: {wrong}") from wrong
    return zlib.crc32(b"".join((numbers, *(text for text in texts if text))))


def place(
    key: int, revision: int, first_step: int, last_step: int, seen: float, expired: int, last_values: bytes
) -> int:
    """Of what these columns hold; `ValueError` where that is nothing they can hold."""
    try:
        numbers = PLACE_NUMBERS.pack(key, revision, first_step, last_step, seen, expired)
    except struct.error as wrong:
        raise ValueError(f"its columns do not hold what they should: {wrong}") from wrong
    return zlib.crc32(last_values, zlib.crc32(numbers))


def places(
    key: NDArray[np.int64],  # (sessions,) as are the others
    revision: NDArray[np.int64],
    first_step: NDArray[np.int64],
    last_step: NDArray[np.int64],
    seen: NDArray[np.float64] | float,
    expired: NDArray[np.int64] | int,
    last_values: NDArray[np.float64],  # (sessions, width)
) -> list[int]:
    """`place` of many sessions."""
    kind = np.dtype([*PLACE_RECORD, ("expired", "<i8"), ("last_values", "<f8", (last_values.shape[1],))])
    records = np.empty(len(key), kind)
    columns = (key, revision, first_step, last_step, seen, expired, last_values)
    for name, column in zip(kind.names or (), columns, strict=True):
        records[name] = column
    data, size = records.tobytes(), kind.itemsize
    return [zlib.crc32(data[at : at + size]) for at in range(0, len(data), size)]


@dataclass(frozen=True)
class Part:
    """Columns of a row, in the order in which `of` takes them, and the column of their checksum."""

    columns: tuple[str, ...]
    checksum: str
    of: Callable[..., int]

    def check(self, row: Sequence[Any], checksum: object) -> None:
        """`ValueError` unless these are the columns that the checksum was written for."""
        if self.of(*row) != checksum:
            raise ValueError(f"{', '.join(self.columns)}: these do not match their checksum")


MADE = Part(("key", "name", "start", "origin", "static", "regime", "ttl", "parent", "exports"), "checksum", made)
PLACE = Part(("key", "revision", "first_step", "last_step", "seen", "expired", "last_values"), "place_checksum", place)
PARTS = (MADE, PLACE)
