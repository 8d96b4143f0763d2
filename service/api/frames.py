"""Frames of a stream, JSON or MessagePack: decoded fast as a whole, and one by one where a reading in them is wrong."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from service.api import schemas
from service.api.column_answers import ColumnAnswer, encoded
from service.api.columns import ColumnDecoder, ColumnFrame
from service.api.items import Item, refusal
from service.api.misfits import misfit, out_of_range
from service.api.problems import plain
from service.api.readings import Reading
from service.api.structs import derive
from service.api.wish import Asked
from service.errors import (
    GatecastError,
    MalformedJson,
    MalformedMessagePack,
    TooManyReadings,
)

_DIGITS = 19  # of an int64
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the frame itself, not what it says


class StreamReading(Reading):
    """What the stream's observations hold beside the others'."""

    session: str


@dataclass(frozen=True)
class Frame:
    """The readings of one frame that could be decoded, and the refusals of the others, each with its place."""

    readings: Sequence[StreamReading]
    places: Sequence[int]
    refusals: dict[int, Item]
    many: bool  # sent as a list, so answered as one
    asked: Asked | None = None  # of this frame alone

    @property
    def count(self) -> int:
        return len(self.places) + len(self.refusals)


@dataclass(frozen=True)
class HandlesFrame:
    """Names that want numbers."""

    names: list[str]


class Codec:
    """One wire form: bytes to frames and items to bytes."""

    def __init__(self, module: Any, malformed: type[GatecastError], limit: int) -> None:
        self._malformed = malformed
        self._limit = limit
        self._encoder = module.Encoder(enc_hook=plain)
        self._one = module.Decoder(_READING)
        self._many = module.Decoder(list[_READING])  # type: ignore[valid-type]
        self._envelope = module.Decoder(_FRAME)
        self._raws = module.Decoder(list[msgspec.Raw])
        self._fields = module.Decoder(dict[str, msgspec.Raw])
        self._any = module.Decoder()
        self._list_marks = _LIST_MARKS[module]
        self._handles = module.Decoder(_HANDLES)
        self._columns = ColumnDecoder(module, limit)
        self.packed = module is msgspec.msgpack

    def encode(self, answer: Item | list[Item] | ColumnAnswer) -> bytes:
        """The answer to one frame."""
        if isinstance(answer, ColumnAnswer) and not self.packed:
            return encoded(answer)
        return cast(bytes, self._encoder.encode(answer))

    def decode(self, data: bytes) -> Frame | ColumnFrame | HandlesFrame:
        """The frame; an error where nothing of it can be read: malformed, of a wrong type, too many readings."""
        try:
            try:
                return self._frame(data)
            except msgspec.ValidationError as wrong:
                if not out_of_range(wrong):
                    raise
                return self._frame(_within_range(data))
        except msgspec.ValidationError as wrong:
            raise misfit(wrong) from wrong
        except RecursionError as deep:
            raise self._malformed("the frame is nested too deeply") from deep
        except _BROKEN as broken:
            raise self._malformed(f"the frame cannot be read: {broken}") from broken

    def _frame(self, data: bytes) -> Frame | ColumnFrame | HandlesFrame:
        if self._is_list(data):
            return self._list(data)
        try:
            return Frame([self._one.decode(data)], [0], {}, many=False)
        except msgspec.ValidationError as wrong:
            return self._object(data, wrong)

    def _is_list(self, data: bytes) -> bool:
        head = data[:64].lstrip(b" \t\r\n")[:1] if self._malformed is MalformedJson else data[:1]
        return head in self._list_marks if head else False

    def _list(self, data: bytes | msgspec.Raw) -> Frame:
        try:
            readings = self._many.decode(data)
        except msgspec.ValidationError:
            return self._singly(data)
        self._bound(len(readings))
        return Frame(readings, range(len(readings)), {}, many=True)

    def _object(self, data: bytes, wrong: msgspec.ValidationError) -> Frame | ColumnFrame | HandlesFrame:
        """An object that is no reading: columns, handles, the form with options, or one wrong reading."""
        fields = self._fields.decode(data)
        if "sessions" in fields:
            return self._columns.read(fields)
        if "handles" in fields:
            return HandlesFrame(self._handles.decode(data).handles)
        if "observations" not in fields:
            return Frame([], [], {0: self._refused(data, wrong)}, many=False)
        try:
            sent = self._envelope.decode(data)
            self._bound(len(sent.observations))
            return Frame(sent.observations, range(len(sent.observations)), {}, True, sent)
        except msgspec.ValidationError:
            # Without its readings the rest must be right, else nothing of the frame is taken.
            bare = self._envelope.decode(self._encoder.encode({**fields, "observations": []}))
        frame = self._list(fields["observations"])
        return Frame(frame.readings, frame.places, frame.refusals, True, bare)

    def _singly(self, data: bytes | msgspec.Raw) -> Frame:
        raws = self._raws.decode(data)
        self._bound(len(raws))
        readings, places, refusals = [], [], {}
        for at, raw in enumerate(raws):
            try:
                readings.append(self._one.decode(raw))
                places.append(at)
            except msgspec.ValidationError as wrong:
                refusals[at] = self._refused(raw, wrong)
        return Frame(readings, places, refusals, many=True)

    def _refused(self, data: bytes | msgspec.Raw, wrong: msgspec.ValidationError) -> Item:
        """The refusal of one reading, with its session and step as far as they can be made out."""
        sent = self._any.decode(data)
        fields = sent if isinstance(sent, dict) else {}
        session, step = fields.get("session"), fields.get("step")
        known = session if isinstance(session, str) else None
        return refusal(known, None if isinstance(step, bool) else step, misfit(wrong))

    def _bound(self, count: int) -> None:
        if count > self._limit:
            raise TooManyReadings(
                f"at most {self._limit} readings were expected in one frame, got {count}; send several frames",
                limit=self._limit,
            )


def codecs(limit: int) -> tuple[Codec, Codec]:
    """JSON for text frames, MessagePack for binary ones; `limit` is the most readings of one frame."""
    return Codec(msgspec.json, MalformedJson, limit), Codec(msgspec.msgpack, MalformedMessagePack, limit)


def _within_range(data: bytes) -> bytes:
    """The same JSON with numbers beyond float64 and int64 brought to bounds that every check still refuses.

    The decoder stops at such a number wherever it stands, and would refuse the readings beside it too.
    """
    floats = {math.inf: sys.float_info.max, -math.inf: -sys.float_info.max}
    try:
        sent = json.loads(
            data,
            parse_float=lambda text: floats.get(float(text), float(text)),
            parse_int=lambda text: int(text) if len(text) < _DIGITS else int(text[:_DIGITS]),
        )
    except ValueError as broken:
        raise msgspec.DecodeError(str(broken)) from broken
    return msgspec.json.encode(sent)


_READING = derive(schemas.StreamObservation)
_FRAME = derive(schemas.StreamFrame, observations=list[_READING])  # type: ignore[valid-type]
_HANDLES = derive(schemas.StreamHandles)
_LIST_MARKS = {
    msgspec.json: frozenset([b"["]),
    msgspec.msgpack: frozenset(bytes([mark]) for mark in (*range(0x90, 0xA0), 0xDC, 0xDD)),
}
