"""A client's connection on a plain socket that never blocks once it is open, whatever is spoken on it."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator

_CHUNK = 1 << 18
_OPEN_SECONDS = 10.0


class Connection(ABC):
    """To 127.0.0.1; `send` keeps what does not go out at once for `flush`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_OPEN_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in = bytearray()
        self._out = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def behind(self) -> bool:
        """Whether something waits to be flushed."""
        return bool(self._out)

    @abstractmethod
    def send(self, payload: bytes, text: bool) -> None:
        """One message, or one request."""

    @abstractmethod
    def _messages(self) -> Iterator[bytes]:
        """What is whole of that which has come, taken from `_in`."""

    def flush(self) -> None:
        """Sends what the kernel takes now."""
        while self._out:
            try:
                sent = self._socket.send(self._out)
            except BlockingIOError:
                return
            del self._out[:sent]

    def receive(self) -> Iterator[bytes]:
        """The messages that have come; `ConnectionError` where the server has closed."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("the server closed the connection")
        self._in += data
        yield from self._messages()

    def close(self) -> None:
        self._socket.close()

    def _opened(self) -> None:
        """From here on nothing blocks."""
        self._socket.setblocking(False)

    def _write(self, data: bytes) -> None:
        self._out += data
        self.flush()
