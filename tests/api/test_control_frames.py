"""Below the frames of a stream: handshakes that cannot be read, pings whose pongs nobody reads, fragments."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

import pytest

from tests.api.conftest import Behind
from tests.api.test_columns import new
from tests.api.test_connections import answer, opened, told, until

UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
HANDSHAKE = b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE
TEXT, MORE, PING, PONG = 1, 0, 9, 10


def frame(opcode: int, payload: bytes = b"", last: bool = True) -> bytes:
    """As a client sends it, under a mask of zeros."""
    head = bytes([opcode | (0x80 if last else 0)])
    size = len(payload)
    return head + (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)) + bytes(4) + payload


def shaken(running: Behind) -> socket.socket:
    end = opened(running)
    end.sendall(HANDSHAKE + b"\r\n")
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += end.recv(1)
    assert b" 101 " in got
    return end


def received(end: socket.socket) -> tuple[int, bytes]:
    """Opcode and payload of one short or middling frame of the service."""
    head, size = exactly(end, 2)
    if size == 126:
        (size,) = struct.unpack("!H", exactly(end, 2))
    return head & 0x0F, exactly(end, size)


def exactly(end: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = end.recv(count - len(got))
        assert more, "the connection was closed"
        got += more
    return got


def of_streams(running: Behind) -> Any:
    """The service's end of the one stream that is open."""
    (found,) = [each for each in running.server.server_state.connections if hasattr(each, "frames")]
    return found


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (HANDSHAKE + b"Content-Length: 5\r\n\r\nhello", 400, "bad_request"),
        (HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (HANDSHAKE + b"X: y\r\n" * 200 + b"\r\n", 431, "head_too_large"),
        (HANDSHAKE + b"X: " + b"y" * 9_000 + b"\r\n\r\n", 431, "head_too_large"),
        (HANDSHAKE.replace(b"stream", b"stream?every=" + b"1" * 9_000) + b"\r\n", 431, "head_too_large"),
    ],
)
def test_a_handshake_that_cannot_be_read_is_told_so_and_closed(live, head: bytes, status: int, code: str) -> None:
    before, end = told(live, code), opened(live)
    end.sendall(head)
    found, headers, problem = answer(end)
    assert (found, problem["code"], headers["connection"]) == (status, code, "close")
    assert told(live, code) == before + 1


def test_pings_of_a_client_that_does_not_read_take_no_memory_and_the_newest_is_answered(open_behind) -> None:
    with open_behind() as running, shaken(running) as end:
        pings = frame(PING, b"x" * 125) * 400
        stream = of_streams(running)
        for _ in range(600):  # 31 MB, several times what both systems hold between us
            end.sendall(pings)
        held = stream.transport.get_write_buffer_size()
        assert not stream.writable.is_set(), "the client has read too much for this test"
        assert held < 2**20
        end.sendall(frame(PING, b"the newest"))
        while received(end) != (PONG, b"the newest"):
            pass
        end.sendall(frame(PING, b"and one more"))
        assert received(end) == (PONG, b"and one more")


def test_fragments_are_put_together_as_they_come_however_small_or_empty(open_behind) -> None:
    with open_behind() as running, shaken(running) as end:
        name = new(running.http)
        text = json.dumps({"session": name, "y": 1.0}).encode()
        stream = of_streams(running)
        for _ in range(2):  # the second message begins anew
            end.sendall(frame(TEXT, text[:3], last=False) + frame(MORE, last=False) * 5_000)
            until(lambda: stream._whole is not None)
            end.sendall(b"".join(frame(MORE, text[at : at + 1], last=False) for at in range(3, len(text))))
            until(lambda: len(stream._whole) == len(text))
            assert len(stream.frames) <= 1
            end.sendall(frame(MORE))
            opcode, said = received(end)
            assert opcode == TEXT
            assert json.loads(said)["session"] == name


def test_a_frame_in_fragments_may_be_as_large_as_another_one_and_no_larger(open_behind) -> None:
    with open_behind({"frame_bytes": 1024}) as running:
        for size, code in ((1024, None), (1025, 1009)):
            with shaken(running) as end:
                parts = [b"[" + b" " * 511, b" " * 510 + b"1]" + b" " * (size - 1024)]
                end.sendall(frame(TEXT, parts[0], last=False) + frame(MORE, parts[1]))
                opcode, said = received(end)
                assert (opcode, struct.unpack("!H", said[:2])[0] if code else None) == (8 if code else TEXT, code)
