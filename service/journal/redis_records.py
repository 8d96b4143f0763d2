"""What a Redis journal keeps of a session, as bytes: where it stands, what it was made from, checkpoints, copies."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.journal import statics
from service.journal.protocol import Beginning, Checkpoint, Export, Head, Kept

HEADER = struct.Struct("<qqqq")  # revision, first kept step, last seen, ttl or -1 - ttl where it has expired
CHECKSUM = struct.Struct("<I")
BASE = b"b:"  # what the field of a base begins with


@dataclass(frozen=True)
class About:
    """What a session was made from, but for its readings."""

    name: str
    start: int
    origin: str
    static: dict[str, float]
    regime: bool
    parent: str
    exports: tuple[Export, ...]
    calibrate: bool
    quality: bool


def encode_about(begun: Beginning, parent: str = "") -> bytes:
    """One line of JSON; the copies that are handed out follow it."""
    entries: dict[str, object] = {"name": begun.name, "start": int(begun.start), "origin": begun.origin}
    static = statics.encode(begun.static)
    if static is not None:
        entries["static"] = static
    if begun.regime:
        entries["regime"] = True
    if begun.calibrate:
        entries["calibrate"] = True
    if begun.quality:
        entries["quality"] = True
    if parent:
        entries["parent"] = parent
    return json.dumps(entries).encode()


def encode_export(export: Export) -> bytes:
    return b"\n%d %d %b" % (export.at, export.step, export.digest.encode())


def decode_about(body: bytes) -> About:
    """As it was; `ValueError` says what is wrong with it."""
    line, *copies = body.decode().split("\n")
    found = json.loads(line)
    exports = (copy.split(" ") for copy in copies)
    return About(
        str(found["name"]),
        int(found["start"]),
        str(found["origin"]),
        statics.decode(found.get("static")),
        found.get("regime", False) is True,
        str(found.get("parent", "")),
        tuple(Export(int(at), int(step), digest) for at, step, digest in exports),
        found.get("calibrate", False) is True,
        found.get("quality", False) is True,
    )


def decode_head(key: int, found: Sequence[bytes | int], width: int) -> Head:
    """A head as the scripts give it: its place, the length of all, the last row, what it was made from."""
    place, length, last, about = found
    assert isinstance(place, bytes)
    assert isinstance(length, int)
    assert isinstance(last, bytes)
    revision, first, seen, life = HEADER.unpack(place)
    steps, rest = divmod(length - HEADER.size, 8 * width)
    if rest or len(last) != 8 * width * (steps > 0) or not isinstance(about, bytes):
        raise ValueError(f"expected rows of {8 * width} bytes, and what it was made from")
    told = decode_about(about)
    return Head(
        key=key,
        name=told.name,
        start=told.start,
        revision=revision,
        last_step=first - 1 if life < 0 else first + steps - 1,
        last_values=decode_rows(last, width)[0] if steps else np.full(width, np.nan),
        origin=told.origin,
        static=told.static,
        regime=told.regime,
        first_step=first,
        ttl=life if life >= 0 else -1 - life,
        seen=float(seen),
        expired=life < 0,
        parent=told.parent,
        exports=told.exports,
        calibrate=told.calibrate,
        quality=told.quality,
    )


def decode_kept(found: Sequence[bytes | list[bytes]], width: int) -> Kept:
    """All of a session, as the script gives it; `ValueError` where a base is not sound."""
    whole, about, saved = found
    assert isinstance(whole, bytes)
    assert isinstance(about, bytes)
    assert isinstance(saved, list)
    revision, first, _, life = HEADER.unpack_from(whole)
    told = decode_about(about)
    rows = whole[HEADER.size :] if life >= 0 else b""
    fields = saved[::2]
    checkpoints = [decode_checkpoint(*pair, revision) for pair in zip(fields, saved[1::2], strict=True)]
    if any(each is None and field.startswith(BASE) for each, field in zip(checkpoints, fields, strict=True)):
        raise ValueError("a state from which its readings are replayed does not match its checksum")
    return Kept(
        told.start,
        told.origin,
        told.static,
        told.regime,
        life if life >= 0 else -1 - life,
        first,
        decode_rows(rows, width),
        tuple(each for each in checkpoints if each is not None),
        told.parent,
        told.calibrate,
        told.quality,
    )


def encode_rows(values: NDArray[np.float64]) -> bytes:
    return values.astype("<f8", order="C", copy=False).tobytes()


def decode_rows(body: bytes, width: int) -> NDArray[np.float64]:
    """(n, width); `ValueError` if they are not whole."""
    return np.frombuffer(body, "<f8").reshape(-1, width).astype(np.float64)


def encode_checkpoint(checkpoint: Checkpoint, base: bool = False) -> tuple[bytes, bytes]:
    """Its field and its body under a checksum of both. The revision is the session's, whatever that is."""
    field = b"%c:%d:%b" % (b"cb"[base], checkpoint.step, checkpoint.digest.encode())
    body = checkpoint.body.astype("<f4").tobytes()
    return field, CHECKSUM.pack(zlib.crc32(body, zlib.crc32(field))) + body


def decode_checkpoint(field: bytes, body: bytes, revision: int) -> Checkpoint | None:
    """As it was saved, or None where it is not sound."""
    state = decode_state(field, body)
    _, step, digest = field.decode().split(":", 2)
    return None if state is None else Checkpoint(int(step), revision, digest, state)


def decode_state(field: bytes, body: bytes) -> NDArray[np.float32] | None:
    """The row of a checkpoint (state,), or None where it is not sound."""
    content = body[CHECKSUM.size :]
    if len(body) < CHECKSUM.size or CHECKSUM.unpack_from(body)[0] != zlib.crc32(content, zlib.crc32(field)):
        return None
    return np.frombuffer(content, "<f4").astype(np.float32)


def encode_name(name: str) -> bytes:
    """UTF-8, whose bytes are in the order of the code points."""
    return name.encode("utf-8", "surrogatepass")


def checkpoints_of(kept: Kept) -> Iterable[bytes]:
    """Fields and bodies of the checkpoints that a session keeps which is made of this: bases, and the two newest."""
    last = kept.first_step + len(kept.values) - 1
    ordered = sorted(kept.checkpoints, key=lambda each: each.step)
    bases = [each for each in ordered if each.step == kept.first_step - 1 and kept.first_step]
    newest = [each for each in ordered if kept.first_step <= each.step <= last][-2:]
    for checkpoint in (*bases, *newest):
        yield from encode_checkpoint(checkpoint, base=checkpoint.step < kept.first_step)
