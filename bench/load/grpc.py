"""One stream of gRPC messages (HTTP/2, RFC 9113), of which the client's side needs little.

Of the server's headers nothing is read but that the stream has ended; the windows for what it sends are opened as wide
as they go, so none is ever renewed. Frames of the server are held to be its messages' parts, in order.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

from bench.load.connection import Connection

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_ACK = _END_STREAM = 0x1
_END_HEADERS, _PADDED = 0x4, 0x8
_INITIAL_WINDOW = 4  # the setting's number
_WIDEST, _FIRST_WINDOW = 2**31 - 1, 65_535
_LARGEST = 16_384  # bytes of a frame that every server takes
_HEAD, _PREFIX = 9, 5  # bytes before a frame's payload; before a message
_STREAM = 1
_END_SECONDS = 2.0


class GrpcStream(Connection):
    """A call that both sides stream on: a message is a message."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(port)
        self._waiting = bytearray()  # for the server's windows
        self._message = bytearray()  # what has come of messages
        self._stream_window = self._connection_window = self._server_first = _FIRST_WINDOW
        self._opened()
        self._write(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW, _WIDEST))
            + _frame(_WINDOW, 0, 0, struct.pack(">I", _WIDEST - _FIRST_WINDOW))
            + _frame(_HEADERS, _END_HEADERS, _STREAM, _call(path, f"127.0.0.1:{port}"))
        )

    def send(self, payload: bytes, text: bool) -> None:  # noqa: ARG002
        self._waiting += struct.pack(">BI", 0, len(payload)) + payload
        self._let_go()

    def close(self) -> None:
        """Ends the call and waits until the server has too: Triton may crash when a client only goes."""
        with contextlib.suppress(OSError):  # as which the end of the call, and of patience, are told
            self._socket.settimeout(_END_SECONDS)
            self._socket.sendall(self._out + _frame(_DATA, _END_STREAM, _STREAM, b""))
            while True:
                for _ in self.receive():
                    pass
        super().close()

    def _messages(self) -> Iterator[bytes]:
        while len(self._in) >= _HEAD:
            size = int.from_bytes(self._in[:3], "big")
            if len(self._in) < _HEAD + size:
                return
            kind, flags = self._in[3], self._in[4]
            stream = int.from_bytes(self._in[5:_HEAD], "big")
            payload = bytes(memoryview(self._in)[_HEAD : _HEAD + size])
            del self._in[: _HEAD + size]
            if kind == _DATA:
                self._message += payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload
                yield from self._whole()
            else:
                self._control(kind, flags, stream, payload)

    def _whole(self) -> Iterator[bytes]:
        message = self._message
        while len(message) >= _PREFIX:
            end = _PREFIX + int.from_bytes(message[1:_PREFIX], "big")
            if len(message) < end:
                return
            whole = bytes(memoryview(message)[_PREFIX:end])
            del message[:end]
            yield whole

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in (_RESET, _GOAWAY) or (kind == _HEADERS and flags & _END_STREAM):
            raise ConnectionError(f"the server ended the call: frame {kind}, {payload!r}")
        if kind == _PING and not flags & _ACK:
            self._write(_frame(_PING, _ACK, 0, payload))
        elif kind == _SETTINGS and not flags & _ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, at)
                if name == _INITIAL_WINDOW:
                    self._stream_window += value - self._server_first
                    self._server_first = value
            self._write(_frame(_SETTINGS, _ACK, 0, b""))
            self._let_go()
        elif kind == _WINDOW:
            more = int.from_bytes(payload, "big") & _WIDEST
            if stream:
                self._stream_window += more
            else:
                self._connection_window += more
            self._let_go()

    def _let_go(self) -> None:
        """Sends as much as the server's windows take."""
        while self._waiting and (room := min(self._stream_window, self._connection_window, _LARGEST)) > 0:
            part = bytes(self._waiting[:room])
            del self._waiting[:room]
            self._stream_window -= len(part)
            self._connection_window -= len(part)
            self._write(_frame(_DATA, 0, _STREAM, part))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def _call(path: str, authority: str) -> bytes:
    """The headers of a call, each a literal that is not indexed (RFC 7541, 6.2.2) and written as it is."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": authority,
        "te": "trailers",
        "content-type": "application/grpc",
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in pairs)
