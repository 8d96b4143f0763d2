"""Frames whose content is malformed, by kind: the websocket is sound, so each is answered, and it stays open."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from tests.fuzz.frames import HANDLES, Document, Frames

TEXT, BINARY = 1, 2  # opcodes
Spoiled = tuple[int, bytes]
Spoiler = Callable[[random.Random, Frames], Spoiled]

DEEP, DEEPEST = 2_000, 200_000  # levels; the latter once in a while
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 0.5, -0.0, 1e15, 1e16, 1e308,
    "", "x", "0", "\x00", "a" * 201, "none", "missing", "summary", "2014-07-01T00:00:00", "2014-13-45",
    "9999-12-31T23:00:00",
    "0001-01-01", "2014-07-01T00:00:00+01:00", [], {}, [[]], [None], {"": None}, {"y": 1}, [0.1, 0.1], [2**64 - 1],
)  # fmt: skip
NUMBERS = (
    b"1e999", b"-1e999", b"1e308", b"1e-400", b"9" * 400, b"-" + b"9" * 25, b"0." + b"1" * 3000,
    b"18446744073709551616",
    b"NaN", b"Infinity", b"-Infinity", b"0x10", b"01", b"+1", b"1.", b".5", b"1e", b"--1", b"1_000", b"1e9999999999",
)  # fmt: skip
UNLAWFUL = (
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\x41"', b'"\t"', b'"\x7f"', b"'a'", b"\xef\xbb\xbf", b"/* */",
    b"undefined", b",", b"}", b"]", b'"', b"\\", "\u202e".encode(), "\U0001f600".encode(), b"\x00",
)  # fmt: skip
BOMBS = (
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xdc\xff\xff", b"\xde\xff\xff", b"\xda\xff\xff", b"\xc5\xff\xff", b"\xdd\x00\x10\x00\x00",
    b"\xdf\x00\x01\x00\x00", b"\xd9\xff", b"\xc4\xff",
    b"\x9f", b"\x8f", b"\xbf",
)  # fmt: skip
EXTENSIONS = (
    b"\xd4\x01a", b"\xd5\x7fab", b"\xd6\xff\x00\x00\x00\x00", b"\xd7\xff" + b"\xff" * 8, b"\xd8\x05" + bytes(16),
    b"\xc7\x00\x01", b"\xc7\x0c\xff" + b"\xff" * 12,
    b"\xc8\x00\x02\x80ab", b"\xc1", b"\xca\x7f\xc0\x00\x00", b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\xcb\xff\xf0\x00\x00\x00\x00\x00\x00",
    b"\xcf" + b"\xff" * 8, b"\xd3\x80" + bytes(7),
)  # fmt: skip
NOT_UTF8 = (b"\xa1\xff", b"\xa2\xc3\x28", b"\xa3\xed\xa0\x80", b"\xa4\xf4\x90\x80\x80", b"\xa2\xc0\xaf", b"\xa1\x80")
FIELDS = (
    "session", "y", "step", "ds", "covariates", "future", "observations", "horizon", "quantiles", "gates", "every",
    "gaps", "sessions", "steps", "handles", "", "Y", "static", "error",
)  # fmt: skip


def bits(chance: random.Random, good: Frames) -> Spoiled:
    text = chance.random() < 0.5
    data = bytearray(chance.choice(good.texts if text else good.packed))
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(7 if text else 8)
    return (TEXT if text else BINARY), bytes(data)


def cut_off(chance: random.Random, good: Frames) -> Spoiled:
    form, data = _either(chance, good)
    return form, data[: chance.randrange(len(data))]


def put_in(chance: random.Random, good: Frames) -> Spoiled:
    form, data = _either(chance, good)
    at, size = chance.randrange(len(data) + 1), chance.choice((1, 2, 4, 30))
    noise = bytes(byte & 0x7F for byte in chance.randbytes(size)) if form == TEXT else chance.randbytes(size)
    return form, data[:at] + noise + data[at:]


def mixed(chance: random.Random, good: Frames) -> Spoiled:
    """The beginning of one and the end of another."""
    texts = good.texts if chance.random() < 0.5 else good.packed
    first, second = chance.choice(texts), chance.choice(texts)
    data = first[: chance.randrange(len(first) + 1)] + second[chance.randrange(len(second)) :]
    return (TEXT if texts is good.texts else BINARY), data


def nested(chance: random.Random, good: Frames) -> Spoiled:  # noqa: ARG001
    levels = chance.randint(2, DEEP if chance.random() < 0.998 else DEEPEST)
    if chance.random() < 0.5:
        opening = chance.choice((b"[", b'{"observations":', b'{"y":[', b'[{"session":', b'{"covariates":'))
        return TEXT, opening * levels + (b"1" if chance.random() < 0.5 else b"")
    opening = chance.choice((b"\x91", b"\x81\xa1y", b"\x81\xacobservations", b"\x81\x91", b"\xdc\x00\x01"))
    return BINARY, opening * levels + (b"\xc0" if chance.random() < 0.5 else b"")


def huge_numbers(chance: random.Random, good: Frames) -> Spoiled:
    text = chance.choice(good.texts)
    places = [at for at, byte in enumerate(text) if 48 <= byte <= 57]
    at = chance.choice(places)
    return TEXT, text[:at] + chance.choice(NUMBERS) + text[at + 1 :]


def wrong_types(chance: random.Random, good: Frames) -> Spoiled:
    """One place of a document gets what does not belong there, or a field that is none."""
    document = copy.deepcopy(chance.choice(good.documents))
    return _sent(chance, _changed(chance, document))


def doubled_keys(chance: random.Random, good: Frames) -> Spoiled:
    key, wrong = chance.choice(FIELDS), chance.choice(SCALARS)
    if chance.random() < 0.5:
        text = chance.choice(good.texts)
        at = text.find(b"{") + 1
        return TEXT, text[:at] + json.dumps(key).encode() + b": " + json.dumps(wrong).encode() + b", " + text[at:]
    pair = msgspec.msgpack.encode(key) + msgspec.msgpack.encode(wrong)
    reading = msgspec.msgpack.encode("session") + msgspec.msgpack.encode("nobody")
    return BINARY, b"\x84" + pair + reading + pair + msgspec.msgpack.encode("y") + b"\x01"


def bombs(chance: random.Random, good: Frames) -> Spoiled:
    """Sizes declared far beyond the data, at the front, in a field, or in the middle of a good frame."""
    bomb, place = chance.choice(BOMBS), chance.randrange(3)
    if place == 0:
        return BINARY, bomb + chance.choice(good.packed)[: chance.randrange(40)]
    if place == 1:
        return BINARY, b"\x82" + msgspec.msgpack.encode(chance.choice(FIELDS)) + bomb
    data = chance.choice(good.packed)
    at = chance.randrange(len(data))
    return BINARY, data[:at] + bomb + data[at + 1 :]


def extensions(chance: random.Random, good: Frames) -> Spoiled:
    """Types that no frame has, and numbers that are none, where a value would be."""
    odd = chance.choice(EXTENSIONS)
    if chance.random() < 0.2:
        return BINARY, odd
    data = chance.choice(good.packed)
    at = max(data.find(b"\xa1y") + 2, 1)
    return BINARY, data[:at] + odd + data[at + chance.choice((1, 9)) :]


def names_not_utf8(chance: random.Random, good: Frames) -> Spoiled:  # noqa: ARG001 (of one form with the others)
    odd = chance.choice(NOT_UTF8)
    if chance.random() < 0.5:
        return BINARY, b"\x82" + msgspec.msgpack.encode("session") + odd + b"\xa1y\x01"
    return BINARY, b"\x81" + chance.choice((odd + b"\x01", msgspec.msgpack.encode("handles") + b"\x91" + odd))


def columns_that_do_not_fit(chance: random.Random, good: Frames) -> Spoiled:  # noqa: ARG001
    size = chance.randint(0, 4)
    columns: dict[str, Any] = {
        "sessions": struct.pack(f"<{size}I", *(chance.choice((0, HANDLES, 2**32 - 1)) for _ in range(size))),
        "y": struct.pack(f"<{size}d", *(chance.choice((1.0, float("inf"), float("nan"), 1e300)) for _ in range(size))),
        "steps": struct.pack(f"<{size}q", *(chance.choice((0, -1, -2, 2**62, -(2**63))) for _ in range(size))),
    }
    name = chance.choice(("sessions", "y", "steps"))
    spoil = chance.randrange(4)
    if spoil == 0:
        columns[name] += chance.randbytes(chance.randint(1, 9))
    elif spoil == 1:
        columns[name] = columns[name][:-1]
    elif spoil == 2:
        columns[name] = chance.choice(SCALARS)
    else:
        columns[chance.choice(FIELDS)] = chance.choice(SCALARS)
    return BINARY, msgspec.msgpack.encode(columns)


def unlawful_text(chance: random.Random, good: Frames) -> Spoiled:
    text = chance.choice(good.texts)
    at = chance.choice((0, len(text), chance.randrange(len(text))))
    return TEXT, text[:at] + chance.choice(UNLAWFUL) + text[at:]


def other_form(chance: random.Random, good: Frames) -> Spoiled:
    """JSON as bytes, and MessagePack as if it were text."""
    if chance.random() < 0.5:
        return BINARY, chance.choice(good.texts)
    return TEXT, chance.choice(good.packed).decode("latin-1").encode()


def noise(chance: random.Random, good: Frames) -> Spoiled:  # noqa: ARG001
    size = chance.choice((0, 1, 2, 8, 60, 500))
    if chance.random() < 0.5:
        return TEXT, bytes(byte & 0x7F for byte in chance.randbytes(size))
    return BINARY, chance.randbytes(size)


SPOILERS: dict[str, Spoiler] = {
    "bits flipped": bits,
    "cut off": cut_off,
    "bytes put in": put_in,
    "two frames mixed": mixed,
    "nested deep": nested,
    "numbers beyond all bounds, or none": huge_numbers,
    "wrong types and fields": wrong_types,
    "keys twice, and unknown ones": doubled_keys,
    "sizes declared beyond the data": bombs,
    "extension types, NaN, infinity": extensions,
    "names that are not UTF-8": names_not_utf8,
    "columns that do not fit": columns_that_do_not_fit,
    "unlawful text": unlawful_text,
    "the other form": other_form,
    "noise": noise,
}


def _either(chance: random.Random, good: Frames) -> Spoiled:
    return (TEXT, chance.choice(good.texts)) if chance.random() < 0.5 else (BINARY, chance.choice(good.packed))


def _changed(chance: random.Random, document: Document) -> Document:
    if isinstance(document, list) and document and chance.random() < 0.9:
        at = chance.randrange(len(document))
        document[at] = _changed(chance, document[at])
        return document
    if isinstance(document, dict) and document and chance.random() < 0.9:
        if chance.random() < 0.3:
            document[chance.choice(FIELDS)] = chance.choice(SCALARS)
            return document
        key = chance.choice(list(document))
        if chance.random() < 0.2:
            del document[key]
            return document
        document[key] = _changed(chance, document[key])
        return document
    return chance.choice(SCALARS)


def _sent(chance: random.Random, document: Document) -> Spoiled:
    if chance.random() < 0.5:
        return TEXT, json.dumps(document).encode()
    return BINARY, msgspec.msgpack.encode(document)
