"""The client's side of a websocket on a plain socket, so that the generator costs as little as it can.

Frames are masked with the key 0, which RFC 6455 allows on the wire: the server unmasks them as it does any other, and
the generator need not touch the bytes.
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterator

from bench.load.connection import Connection

_FINAL, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x80, 0x1, 0x2, 0x8, 0x9, 0xA
_MASKED, _KEY = 0x80, b"\0\0\0\0"
_SHORT, _MEDIUM = 126, 127
_CHUNK = 1 << 18


class Websocket(Connection):
    """One connection; a message is a frame."""

    def __init__(self, port: int, path: str) -> None:
        """Connects to 127.0.0.1; `ConnectionError` with the service's answer where it refuses."""
        super().__init__(port)
        self._handshake(port, path)
        self._opened()

    def send(self, payload: bytes, text: bool) -> None:
        self._queue(_TEXT if text else _BINARY, payload)

    def close(self) -> None:
        """Says goodbye and does not wait for an answer."""
        self._queue(_CLOSE, struct.pack(">H", 1000))
        super().close()

    def _messages(self) -> Iterator[bytes]:
        at, data = 0, self._in
        while (bounds := _bounds(data, at)) is not None:
            begin, end = bounds
            kind = data[at] & 0x0F
            if kind in (_TEXT, _BINARY):
                if not data[at] & _FINAL:
                    raise ConnectionError("a message in one frame was expected, got a part of one")
                yield bytes(memoryview(data)[begin:end])
            elif kind == _PING:
                self._queue(_PONG, bytes(memoryview(data)[begin:end]))
            elif kind == _CLOSE:
                raise ConnectionError(f"the server closed the connection: {bytes(memoryview(data)[begin:end])!r}")
            at = end
        del data[:at]

    def _queue(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < _SHORT:
            head = struct.pack(">BB", _FINAL | kind, _MASKED | size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", _FINAL | kind, _MASKED | _SHORT, size)
        else:
            head = struct.pack(">BBQ", _FINAL | kind, _MASKED | _MEDIUM, size)
        self._write(head + _KEY + payload)

    def _handshake(self, port: int, path: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._in:
            data = self._socket.recv(_CHUNK)
            if not data:
                break
            self._in += data
        head, _, rest = bytes(self._in).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"a websocket was expected at {path}, got: {bytes(self._in)[:500]!r}")
        self._in = bytearray(rest)


def _bounds(data: bytearray, at: int) -> tuple[int, int] | None:
    """Where the payload of the server's frame at `at` begins and ends; None if it is not all there."""
    if len(data) < at + 2:
        return None
    size, begin = data[at + 1], at + 2
    if size == _SHORT:
        if len(data) < at + 4:
            return None
        size, begin = struct.unpack_from(">H", data, at + 2)[0], at + 4
    elif size == _MEDIUM:
        if len(data) < at + 10:
            return None
        size, begin = struct.unpack_from(">Q", data, at + 2)[0], at + 10
    return (begin, begin + size) if len(data) >= begin + size else None
