"""A client's end of a stream in bytes: it sends what it is given, and reads frames and farewells."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from tests.chaos import wire
from tests.fuzz.wires import frame

PATIENCE = 60.0  # seconds: a service that has not answered by then hangs, on a busy machine too
PING, PONG, CLOSE = 9, 10, 8
NO_CODE = 1005


@dataclass(frozen=True)
class Closed(Exception):
    """The service has ended the connection, with this code; None where it said nothing."""

    code: int | None


class Connection:
    """One open stream."""

    def __init__(self, port: int) -> None:
        self._end = wire.streaming(port)
        self._end.settimeout(PATIENCE)
        self._unread = bytearray()

    def send(self, data: bytes) -> None:
        self._end.sendall(data)

    def answer(self) -> bytes:
        """The payload of the next answer; `Closed` where none comes any more, `TimeoutError` where nothing comes."""
        while True:
            opcode, payload = self._frame()
            if opcode == CLOSE:
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else NO_CODE)
            if opcode != PING:
                return payload
            self.send(frame(PONG, payload))

    def farewell(self) -> Closed:
        """What the service ends the connection with, after the answers to what went before."""
        try:
            while True:
                self.answer()
        except Closed as closed:
            return closed

    def leave(self, abruptly: bool) -> None:
        wire.cut(self._end) if abruptly else self._end.close()

    def _frame(self) -> tuple[int, bytes]:
        self._fill(2)
        size, head = self._unread[1] & 0x7F, 2
        if size == 126:
            self._fill(4)
            size, head = struct.unpack_from(">H", self._unread, 2)[0], 4
        elif size == 127:
            self._fill(10)
            size, head = struct.unpack_from(">Q", self._unread, 2)[0], 10
        self._fill(head + size)
        opcode, payload = self._unread[0] & 0x0F, bytes(self._unread[head : head + size])
        del self._unread[: head + size]
        return opcode, payload

    def _fill(self, size: int) -> None:
        while len(self._unread) < size:
            try:
                data = self._end.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                raise Closed(None)
            self._unread += data


def reply(port: int, data: bytes, whole: bool) -> bytes:
    """What the service says to these bytes, to the end of the connection; what is no whole request is ended by us."""
    said = bytearray()
    with wire.connected(port) as end:
        end.settimeout(PATIENCE)
        try:
            end.sendall(data)
            if not whole:
                end.shutdown(socket.SHUT_WR)
            while more := end.recv(1 << 16):
                said += more
        except ConnectionError:
            pass  # it was refused before all of it was sent
    return bytes(said)
