"""Frames of a stream, JSON or MessagePack: decoded fast as a whole, and one by one where a reading in them is wrong."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from pydantic import BaseModel

from service.api import schemas
from service.api.items import Item, refusal
from service.api.problems import plain
from service.api.readings import Reading
from service.errors import (
    GatecastError,
    InvalidValue,
    MalformedJson,
    MalformedMessagePack,
    TooManyReadings,
    WrongType,
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
    horizon: int | None = None  # of this frame alone
    quantiles: list[float] | None = None
    gates: bool | str | None = None

    @property
    def count(self) -> int:
        return len(self.places) + len(self.refusals)


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

    def encode(self, answer: Item | list[Item]) -> bytes:
        """The answer to one frame."""
        return cast(bytes, self._encoder.encode(answer))

    def decode(self, data: bytes) -> Frame:
        """The frame; an error where nothing of it can be read: malformed, of a wrong type, too many readings."""
        try:
            try:
                return self._frame(data)
            except msgspec.ValidationError as wrong:
                if not _out_of_range(wrong):
                    raise
                return self._frame(_within_range(data))
        except msgspec.ValidationError as wrong:
            raise _error(wrong) from wrong
        except RecursionError as deep:
            raise self._malformed("the frame is nested too deeply") from deep
        except _BROKEN as broken:
            raise self._malformed(f"the frame cannot be read: {broken}") from broken

    def _frame(self, data: bytes) -> Frame:
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

    def _object(self, data: bytes, wrong: msgspec.ValidationError) -> Frame:
        """An object that is no reading: the form with options, or one wrong reading."""
        fields = self._fields.decode(data)
        if "observations" not in fields:
            return Frame([], [], {0: self._refused(data, wrong)}, many=False)
        try:
            sent = self._envelope.decode(data)
            self._bound(len(sent.observations))
            places = range(len(sent.observations))
            return Frame(sent.observations, places, {}, True, sent.horizon, sent.quantiles, sent.gates)
        except msgspec.ValidationError:
            # Without its readings the rest must be right, else nothing of the frame is taken.
            bare = self._envelope.decode(self._encoder.encode({**fields, "observations": []}))
        frame = self._list(fields["observations"])
        return Frame(frame.readings, frame.places, frame.refusals, True, bare.horizon, bare.quantiles, bare.gates)

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
        return refusal(known, None if isinstance(step, bool) else step, _error(wrong))

    def _bound(self, count: int) -> None:
        if count > self._limit:
            raise TooManyReadings(
                f"at most {self._limit} readings were expected in one frame, got {count}; send several frames",
                limit=self._limit,
            )


def codecs(limit: int) -> tuple[Codec, Codec]:
    """JSON for text frames, MessagePack for binary ones; `limit` is the most readings of one frame."""
    return Codec(msgspec.json, MalformedJson, limit), Codec(msgspec.msgpack, MalformedMessagePack, limit)


def _derive(model: type[BaseModel], **other: Any) -> type[msgspec.Struct]:
    """The schema as a struct, which decodes five times as fast."""
    fields = [
        (name, other.get(name, field.annotation), *([] if field.is_required() else [field.default]))
        for name, field in model.model_fields.items()
    ]
    return msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True, kw_only=True)


def _out_of_range(wrong: msgspec.ValidationError) -> bool:
    return "out of range" in str(wrong)


def _error(wrong: msgspec.ValidationError) -> GatecastError:
    message = str(wrong)
    return (InvalidValue if _out_of_range(wrong) else WrongType)(f"{message[:1].lower()}{message[1:]}")


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


_READING = _derive(schemas.StreamObservation)
_FRAME = _derive(schemas.StreamFrame, observations=list[_READING])  # type: ignore[valid-type]
_LIST_MARKS = {
    msgspec.json: frozenset([b"["]),
    msgspec.msgpack: frozenset(bytes([mark]) for mark in (*range(0x90, 0xA0), 0xDC, 0xDD)),
}
