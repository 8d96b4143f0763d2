"""Connections whose clients do not read what they are sent: they are cut off, for what waits for them is held here."""

from __future__ import annotations

import asyncio
import socket
import struct

from service.logs import Log

_AT_ONCE = struct.pack("ii", 1, 0)  # lingers for 0 seconds


class Unread:
    """What waits for one client. While something does, some of it must go within so many seconds, and again."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, seconds: float, log: Log) -> None:
        self._transport = transport
        self._loop = loop
        self._seconds = seconds
        self._log = log
        self._left = 0
        self._look: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """From now on something waits, if nothing did."""
        if self._look is not None:
            return
        self._left = self._transport.get_write_buffer_size()
        self._look = self._loop.call_later(self._seconds, self._again)

    def end(self) -> None:
        """Nothing waits any more, or nobody."""
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _again(self) -> None:
        self._look = None
        if self._transport.get_write_buffer_size() < self._left:
            self.begin()
            return
        self._log.warning(
            "connection cut off", reason="its client does not read", seconds=self._seconds, unread_bytes=self._left
        )
        connection = self._transport.get_extra_info("socket")
        if connection is not None:  # without this the system would go on holding what it was given
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()
