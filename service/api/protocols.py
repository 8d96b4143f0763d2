"""Uvicorn's protocols for requests and streams, with bounds: on connections, on slow senders, on who does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import SecurityError
from websockets.frames import Frame

from service.api import problems
from service.api.arriving import LATE, Arriving
from service.api.request_id import new_id
from service.api.unread import Unread
from service.errors import BadRequest, GatecastError
from service.limit_errors import HeadTooLarge, TooManyConnections
from service.logs import Log
from service.settings import Settings

_LINGER = 1.0  # seconds in which one who is turned away can read why


def protocols(
    settings: Settings, log: Log, refused: Callable[[str], None] = lambda _: None
) -> tuple[type[HttpToolsProtocol], type[WebSocketsSansIOProtocol]]:
    """For requests and for streams; `refused` is told the code of what was refused before it was a request."""
    seconds = settings.unread_seconds

    class Requests(HttpToolsProtocol):
        _unread: Unread | None = None
        _arriving: Arriving | None = None
        _turned_away = False
        _too_many: TooManyConnections | None = None
        _head_bytes = 0  # of the head that is coming

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._unread = Unread(transport, self.loop, seconds, log)
            self._arriving = Arriving(self.loop, settings.head_seconds, settings.body_seconds, self._late)
            most = settings.connections
            if most is None or len(self.connections) <= most:
                self._arriving.head()
                return
            self._too_many = TooManyConnections(
                "as many connections are open here as may be; try again later, and keep one for many requests"
            )
            self.loop.call_later(_LINGER, self.transport.close)  # with an answer only if something is asked

        def connection_lost(self, exc: Exception | None) -> None:
            _end(self._unread, self._arriving)
            super().connection_lost(exc)
            self._part()

        def data_received(self, data: bytes) -> None:
            if self._turned_away:
                return
            if self._too_many is not None:
                self._turn_away(self._too_many)
                return
            assert self._arriving is not None
            if not self._arriving.waits:  # whatever it is, also what comes before any head
                self._arriving.head()
            self._head_bytes += len(data)
            super().data_received(data)
            if self._arriving is None:  # it is a stream now
                return
            if not self._arriving.of_head:
                self._head_bytes = 0
            elif self._head_bytes > settings.head_bytes:
                _end(self._arriving)
                self._turn_away(
                    HeadTooLarge(f"a head of at most {settings.head_bytes} bytes was expected; send fewer headers")
                )

        def on_headers_complete(self) -> None:
            assert self._arriving is not None
            self._arriving.body()
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            _end(self._arriving)
            super().on_message_complete()

        def handle_websocket_upgrade(self) -> None:
            _end(self._arriving)
            super().handle_websocket_upgrade()
            self._part()

        def _part(self) -> None:
            """The connection is gone, or somebody else's: what was for its requests goes by itself, since it is not
            left to the collector of cycles, which comes when a hundred thousand objects have come together.
            """
            self.parser = None  # type: ignore[assignment]  # its callbacks are methods of this object
            self._arriving = None

        def pause_writing(self) -> None:
            super().pause_writing()
            _begin(self._unread)

        def resume_writing(self) -> None:
            super().resume_writing()
            _end(self._unread)

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            _begin(self._unread)

        def _late(self, body: bool) -> bool:
            """Refuses what was to come; False where it is ours that it did not."""
            assert self._arriving is not None
            answering = self.cycle is not None and not self.cycle.response_complete
            if self.flow.read_paused or (answering and not body):  # what comes next waits for the answer before it
                return False
            error = self._arriving.too_slow(body)
            if answering:
                cast(dict[str, Any], self.cycle.scope)[LATE] = error
                self.cycle.message_event.set()  # whoever reads the body is told, and answers
            elif body or not self._begun:
                self.transport.close()  # it has its answer, or has never asked for one
            else:
                self._turn_away(error)
            return True

        @property
        def _begun(self) -> bool:
            """Whether anything of a head has come."""
            return self.headers is not None and (self.cycle is None or self.cycle.scope is not self.scope)

        def _turn_away(self, error: GatecastError) -> None:
            """An answer without a request. It is closed a moment later: at once, it might be lost on its way."""
            self._turned_away = True
            refused(error.code)
            self.transport.write(_raw(error, settings.retry_after_seconds, log))
            self.loop.call_later(_LINGER, self.transport.close)
            _begin(self._unread)

    class Streams(WebSocketsSansIOProtocol):
        _unread: Unread | None = None
        _turned_away = False
        _whole: bytearray | None = None  # of a message that comes in fragments, what is there
        _pong = b""  # to the newest ping, while its client does not read

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._unread = Unread(self.transport, self.loop, seconds, log)

        def connection_lost(self, exc: Exception | None) -> None:
            _end(self._unread)
            super().connection_lost(exc)
            # Both hold the connection that holds them: a generator that would wait for more, and a fault's trace.
            self.conn.parser.close()
            self.conn.parser_exc = None

        def data_received(self, data: bytes) -> None:
            if self._turned_away:
                return
            super().data_received(data)
            fault = self.conn.handshake_exc
            if fault is not None and not self.handshake_initiated:  # uvicorn would leave it open, without a word
                self._turn_away(fault)

        def handle_cont(self, event: Frame) -> None:
            """Put together as they come: kept one by one, tiny or empty fragments would take many times their size."""
            if self._whole is None:
                self._whole = bytearray(self.frames[0])
            self._whole += event.data
            if event.fin:
                self.frames, self._whole = [bytes(self._whole)], None
                self.send_receive_event_to_app()

        def handle_ping(self) -> None:
            """Who does not read is owed a pong to its newest ping alone, as RFC 6455 (5.5.3) has it."""
            if self.writable.is_set():
                super().handle_ping()
            else:
                self._pong = b"".join(self.conn.data_to_send()[-1:]) or self._pong

        def pause_writing(self) -> None:
            super().pause_writing()
            _begin(self._unread)

        def resume_writing(self) -> None:
            super().resume_writing()
            _end(self._unread)
            pong, self._pong = self._pong, b""
            if pong:
                self.transport.write(pong)

        def keepalive_timeout(self) -> None:
            super().keepalive_timeout()
            self._take_leave()
            _begin(self._unread)

        def handle_parser_exception(self) -> None:
            super().handle_parser_exception()
            self._take_leave()

        def _turn_away(self, fault: Exception) -> None:
            """Of a handshake that cannot be read, as of a request."""
            self._turned_away = True
            large = isinstance(fault, SecurityError)
            error = (HeadTooLarge if large else BadRequest)(
                f"a stream's handshake was expected: {fault.__cause__ or fault}"
            )
            refused(error.code)
            self.transport.write(_raw(error, settings.retry_after_seconds, log))
            self.loop.call_later(_LINGER, self.transport.close)
            _begin(self._unread)

        def _take_leave(self) -> None:
            """An answer that is still on its way has nobody to go to; uvicorn would take it for a fault of ours."""
            self.disconnected |= self.close_sent

    return Requests, Streams


def _raw(error: GatecastError, retry_after: int, log: Log) -> bytes:
    """The answer to what is no request yet; its id is in the log of debug level, since anybody can send these."""
    name = new_id()
    log.debug("turned away", request=name, code=error.code)
    answer = problems.answer(error, retry_after, {"connection": "close", "x-request-id": name})
    head = f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}\r\n".encode("ascii")
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
    return head + lines + b"\r\n" + bytes(answer.body)


def _begin(unread: Unread | None) -> None:
    if unread is not None:
        unread.begin()


def _end(*watched: Unread | Arriving | None) -> None:
    for each in watched:
        if each is not None:
            each.end()
