"""A session as one file: a line that names the format, a JSON header, raw numbers, and the SHA-256 of all before it.

gatecast session 1\\n     the format, in ASCII
uint32                   bytes of the header, little-endian as all numbers
JSON, in UTF-8           what the session is and how much follows (`Header`)
float64 …                readings, row by row
float32 …                states, one after the other
32 bytes                 SHA-256 of everything before
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from datasets.frequency import Frequency
from service.bundle import Manifest
from service.frames import LARGEST_TIME, LARGEST_VALUE, LONGEST_TTL, MOST_READINGS, NO_TIME
from service.journal import Checkpoint, Kept, Subject
from service.journal.shapes import ORIGIN_BYTES
from service.past_errors import InvalidExport

FAMILY = b"gatecast session "
FORMAT = 1
MEDIA_TYPE = "application/vnd.gatecast.session"

# A file comes from anybody: nothing in it may be larger than a journal can hold.
_Step = Annotated[int, Meta(ge=-1, le=MOST_READINGS)]
_Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Number = Annotated[float, Meta(ge=-LARGEST_VALUE, le=LARGEST_VALUE)]
_Text = Annotated[str, Meta(max_length=256)]

_LENGTH = struct.Struct("<I")
_DIGEST = 32


class SavedState(msgspec.Struct, forbid_unknown_fields=True):
    """A state in the file: after which step, by which bundle, how many numbers."""

    step: _Step
    bundle: _Text
    size: _Small


class Header(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the session is; `subject` and `frequency` say what its numbers are."""

    session: str
    frequency: str
    subject: dict[str, str]
    width: _Small
    start: Annotated[int, Meta(ge=NO_TIME, le=LARGEST_TIME)]
    first_step: Annotated[int, Meta(ge=0, le=MOST_READINGS)]
    readings: _Small
    origin: Annotated[str, Meta(max_length=ORIGIN_BYTES, pattern="^[ -~]*$")]
    static: Annotated[dict[_Text, _Number | None], Meta(max_length=1024)]
    regime: bool
    ttl: Annotated[int, Meta(ge=0, le=LONGEST_TTL)]
    parent: str
    states: list[SavedState]
    calibrate: bool = False  # left out where it is not so: versions that do not know it read all other files
    quality: bool = False  # left out likewise


@dataclass(frozen=True)
class Meaning:
    """What the numbers of this service's sessions are; a file of other numbers is not for it."""

    frequency: str
    subject: Subject
    width: int

    @classmethod
    def of(cls, manifest: Manifest) -> Meaning:
        covariates = tuple(manifest.covariates)
        subject = Subject(manifest.target, covariates, manifest.time_zone)
        return cls(Frequency.parse(manifest.frequency).alias, subject, 1 + len(covariates))

    def check(self, header: Header) -> None:
        """`InvalidExport` says in which way a file is of other numbers."""
        if header.frequency != self.frequency:
            raise InvalidExport(
                f"this file has steps of {header.frequency}, this model has steps of {self.frequency}: "
                "import it where such a model is served"
            )
        misfit = self.subject.misfit(header.subject)
        if misfit is not None or header.width != self.width:
            raise InvalidExport(f"this file {misfit or 'has readings of another width'}")


def encode(name: str, kept: Kept, meaning: Meaning) -> bytes:
    """The file of a session."""
    header = Header(
        name,
        meaning.frequency,
        meaning.subject.entries(),
        meaning.width,
        kept.start,
        kept.first_step,
        len(kept.values),
        kept.origin,
        {key: None if math.isnan(value) else value for key, value in kept.static.items()},
        kept.regime,
        kept.ttl,
        kept.parent,
        [SavedState(each.step, each.digest, len(each.body)) for each in kept.checkpoints],
        kept.calibrate,
        kept.quality,
    )
    said = msgspec.json.encode(header)
    parts = [FAMILY + b"%d\n" % FORMAT, _LENGTH.pack(len(said)), said, kept.values.astype("<f8").tobytes()]
    body = b"".join([*parts, *(each.body.astype("<f4").tobytes() for each in kept.checkpoints)])
    return body + hashlib.sha256(body).digest()


def decode(data: bytes, meaning: Meaning) -> Kept:
    """What is kept of the session in a file; `InvalidExport` says what is wrong with it."""
    if not data.startswith(FAMILY):
        raise InvalidExport("an exported session was expected, this is no such file; send what /export answered")
    line = data[: data.find(b"\n", 0, 64) + 1]
    if line != FAMILY + b"%d\n" % FORMAT:
        raise InvalidExport(
            f"this version reads exported sessions of format {FORMAT}, got another; use a newer version"
        )
    body = memoryview(data)[:-_DIGEST]
    if hashlib.sha256(body).digest() != data[-_DIGEST:]:
        raise InvalidExport("the file does not match its checksum: it was cut off or changed; export the session again")
    try:
        (length,) = _LENGTH.unpack_from(data, len(line))
        at = len(line) + _LENGTH.size
        header = msgspec.json.decode(body[at : at + length], type=Header)
        rows, sizes = header.readings * header.width, [each.size for each in header.states]
        if at + length + 8 * rows + 4 * sum(sizes) != len(body):
            raise ValueError("more or less numbers than it says")
        values = np.frombuffer(body, "<f8", rows, at + length).reshape(header.readings, header.width)
        states = np.frombuffer(body, "<f4", sum(sizes), at + length + 8 * rows)
    except (ValueError, OverflowError, struct.error, msgspec.DecodeError) as wrong:
        raise InvalidExport(f"the file cannot be read: {wrong}; export the session again") from wrong
    meaning.check(header)
    ends = np.cumsum(sizes, dtype=np.int64)
    saved = [
        Checkpoint(each.step, 0, each.bundle, states[end - each.size : end].astype(np.float32))
        for each, end in zip(header.states, ends.tolist(), strict=True)
    ]
    static = {key: math.nan if value is None else value for key, value in header.static.items()}
    return Kept(
        header.start,
        header.origin,
        static,
        header.regime,
        header.ttl,
        header.first_step,
        values.astype(np.float64),
        tuple(saved),
        header.parent,
        header.calibrate,
        header.quality,
    )
