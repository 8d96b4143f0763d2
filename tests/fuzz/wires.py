"""Bytes that break the websocket's own rules (RFC 6455), by kind: the connection ends, and nothing else does."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

Breaker = Callable[[random.Random], bytes]

FIN, MASKED = 0x80, 0x80
SHORT, MEDIUM, LONG = (
    126,
    126,
    127,
)  # the length that is the last in seven bits, and what stands for two and eight bytes


def head(opcode: int, size: int, fin: int = FIN, masked: int = MASKED) -> bytes:
    """The head of a frame of so many bytes, masked with the key 0."""
    key = bytes(4) if masked else b""
    if size < SHORT:
        return struct.pack(">BB", fin | opcode, masked | size) + key
    if size < 1 << 16:
        return struct.pack(">BBH", fin | opcode, masked | MEDIUM, size) + key
    return struct.pack(">BBQ", fin | opcode, masked | LONG, size) + key


def frame(opcode: int, payload: bytes) -> bytes:
    return head(opcode, len(payload)) + payload


def _some(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 20, 125)))


def unknown_opcode(chance: random.Random) -> bytes:
    return frame(chance.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15)), _some(chance))


def reserved_bits(chance: random.Random) -> bytes:
    return frame(chance.choice((1, 2, 8, 9)) | chance.choice((0x10, 0x20, 0x40, 0x70)), _some(chance))


def unmasked(chance: random.Random) -> bytes:
    payload = _some(chance)
    return head(chance.choice((1, 2, 9)), len(payload), masked=0) + payload


def fragmented_control(chance: random.Random) -> bytes:
    payload = _some(chance)
    return head(chance.choice((8, 9, 10)), len(payload), fin=0) + payload


def long_control(chance: random.Random) -> bytes:
    return frame(chance.choice((8, 9, 10)), chance.randbytes(chance.choice((126, 200, 70_000))))


def continued_nothing(chance: random.Random) -> bytes:
    return frame(0, _some(chance))


def begun_twice(chance: random.Random) -> bytes:
    return head(2, 3, fin=0) + b"\x91\xc0\xc0" + frame(chance.choice((1, 2)), _some(chance))


def length_beyond(chance: random.Random) -> bytes:
    """More than is taken, or with the highest bit set, which no length has."""
    size = chance.choice((2**63, 2**64 - 1, 2**62, 2**32, 5 * 2**20))
    return struct.pack(">BBQ", FIN | 2, MASKED | LONG, size) + chance.randbytes(30)


def text_not_utf8(chance: random.Random) -> bytes:
    return frame(
        1, chance.choice((b"\xff", b"[\xc3\x28]", b'{"session": "\xed\xa0\x80"}', b"\xf4\x90\x80\x80", b"\xe2\x82"))
    )


def close_not_lawful(chance: random.Random) -> bytes:
    codes = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    return frame(8, chance.choice((b"\x03", struct.pack(">H", chance.choice(codes)), b"\x03\xe8\xff\xfe")))


def noise(chance: random.Random) -> bytes:
    # Reserved bits and a length that is there: else it would be the beginning of a frame that may go on.
    return b"\x70" + bytes([chance.choice((0x80, 0x85, 0x05))]) + chance.randbytes(chance.choice((10, 30, 300)))


BREAKERS: dict[str, Breaker] = {
    "unknown opcode": unknown_opcode,
    "reserved bits": reserved_bits,
    "not masked": unmasked,
    "control frame in parts": fragmented_control,
    "control frame too long": long_control,
    "continuation of nothing": continued_nothing,
    "message begun within a message": begun_twice,
    "length beyond all bounds": length_beyond,
    "text that is not UTF-8": text_not_utf8,
    "close that is not lawful": close_not_lawful,
    "noise instead of a frame": noise,
}


def half_a_frame(chance: random.Random) -> bytes:
    return frame(2, chance.randbytes(200))[: chance.randrange(1, 200)]


def half_a_message(chance: random.Random) -> bytes:
    return (
        head(chance.choice((1, 2)), 3, fin=0)
        + b"[1,"
        + b"".join(head(0, 1, fin=0) + b"1" for _ in range(chance.randrange(50)))
    )


def pings_and_pongs(chance: random.Random) -> bytes:
    return b"".join(frame(chance.choice((9, 10)), _some(chance)) for _ in range(20)) + half_a_frame(chance)


LEFT: dict[str, Breaker] = {  # the service rightly waits for more: it is the client that goes
    "frame left in the middle": half_a_frame,
    "message left in the middle": half_a_message,
    "pings and pongs, then left": pings_and_pongs,
}
