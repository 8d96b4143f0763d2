"""Connections whose clients do not read what they are sent: they are cut off, for what waits for them is held here."""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

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


def protocols(seconds: float, log: Log) -> tuple[type[HttpToolsProtocol], type[WebSocketsSansIOProtocol]]:
    """Uvicorn's own, for requests and for streams, which end only when their clients have taken all that was sent."""

    class Requests(HttpToolsProtocol):
        _unread: Unread | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._unread = Unread(transport, self.loop, seconds, log)

        def connection_lost(self, exc: Exception | None) -> None:
            _end(self._unread)
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            _begin(self._unread)

        def resume_writing(self) -> None:
            super().resume_writing()
            _end(self._unread)

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            _begin(self._unread)

    class Streams(WebSocketsSansIOProtocol):
        _unread: Unread | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._unread = Unread(self.transport, self.loop, seconds, log)

        def connection_lost(self, exc: Exception | None) -> None:
            _end(self._unread)
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            _begin(self._unread)

        def resume_writing(self) -> None:
            super().resume_writing()
            _end(self._unread)

        def keepalive_timeout(self) -> None:
            super().keepalive_timeout()
            self._take_leave()
            _begin(self._unread)

        def handle_parser_exception(self) -> None:
            super().handle_parser_exception()
            self._take_leave()

        def _take_leave(self) -> None:
            """An answer that is still on its way has nobody to go to; uvicorn would take it for a fault of ours."""
            self.disconnected |= self.close_sent

    return Requests, Streams


def _begin(unread: Unread | None) -> None:
    if unread is not None:
        unread.begin()


def _end(unread: Unread | None) -> None:
    if unread is not None:
        unread.end()
