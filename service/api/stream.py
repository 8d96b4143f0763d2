"""The websocket at /v1/stream: frames in, answers out in the same order, several on their way at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from service.access import ANYONE, Caller
from service.api import problems
from service.api.allowance import Allowance
from service.api.cadence import cadence_of
from service.api.callers import WRITE, caller_of, key_id_of
from service.api.credentials import SUBPROTOCOL
from service.api.deny import deny
from service.api.edge import Edge
from service.api.frames import Codec, codecs
from service.api.gaps import fills
from service.api.gathering import Gathering
from service.api.query import levels_of, require_taken, sums_of, whole_number
from service.api.request_id import header, request_id
from service.api.taking import Taken, Taker
from service.api.telling import telling_of
from service.api.traced import Takers
from service.api.wish import Wish
from service.errors import Draining, GatecastError, NotFound, UnsupportedProtocol
from service.settings import Settings

PROTOCOL = 1
GOING = 1001  # websocket close code: this end leaves
_LOOK = 0.1  # of the time that a stream may be idle, between two looks
PARAMETERS = (
    "protocol",
    "horizon",
    "quantiles",
    "sums",
    "gates",
    "every",
    "gaps",
    "quality",
    "anomaly",
)  # of the address


class StreamEndpoint:
    """ASGI application of the path: refuses a handshake with a problem document, or runs a connection."""

    def __init__(self, edge: Edge, takers: Takers) -> None:
        self._edge = edge
        self._takers = takers
        self._codecs = codecs(edge.settings.readings_per_frame)
        self._gathering = Gathering(edge)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            caller = caller_of(scope)
            caller.require(WRITE)
            wish = self._asked(scope["query_string"])
            taker = self._takers(scope, self._edge, self._gathering, wish, caller.tenant)
            connection = Connection(self._edge.settings, self._codecs, taker, receive, send, caller)
            with self._edge.streams.joined(connection):
                await self._run(scope, connection, send)
        except GatecastError as error:
            self._edge.metrics.problem(error.code)
            await deny(problems.answer(error, self._edge.settings.retry_after_seconds), scope, send)

    async def _run(self, scope: Scope, connection: Connection, send: Send) -> None:
        headers = [
            (b"gatecast-protocol", str(PROTOCOL).encode("ascii")),
            (b"gatecast-model", self._edge.bundle.digest.encode("ascii")),
            header(scope),
        ]
        spoken = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
        with suppress(OSError):  # the client has left already
            await send({"type": "websocket.accept", "subprotocol": spoken, "headers": headers})
        taker = connection.taker
        with self._edge.metrics.streams.track_inprogress():
            await connection.run()
        said = {"request": request_id(scope), "frames": taker.frames, "readings": taker.readings}
        self._edge.log.info("stream closed", **said, **key_id_of(scope))

    def _asked(self, query: bytes) -> Wish:
        if self._edge.streams.draining:
            raise Draining("the service is ending; connect again")
        self._edge.check_streams()
        asked = {name: values[-1] for name, values in parse_qs(query.decode("ascii", "replace"), True).items()}
        require_taken(asked, PARAMETERS, "send it in a frame if it belongs there")
        protocol = asked.get("protocol", str(PROTOCOL))
        if protocol != str(PROTOCOL):
            raise UnsupportedProtocol(f"this service speaks protocol {PROTOCOL}", protocol=PROTOCOL)
        gates = self._edge.detail(asked.get("gates"))
        horizon, levels = whole_number("horizon", asked.get("horizon")), levels_of(asked.get("quantiles"))
        every, fill = cadence_of(asked.get("every")), fills(asked.get("gaps"))
        selection = self._edge.levels.select(horizon, levels, sums=sums_of(asked.get("sums")))
        told = telling_of(asked.get("quality"), asked.get("anomaly"))
        return Wish(selection, gates, every, fill, told)


@dataclass(eq=False)
class Connection:
    """One open stream: a reader that takes frames while few are on their way, a writer that keeps their order."""

    settings: Settings
    codecs: tuple[Codec, Codec]  # for text, for binary
    taker: Taker
    receive: Receive
    send: Send
    caller: Caller = ANYONE

    def __post_init__(self) -> None:
        self._room = Allowance(self.settings.frames_in_flight, self.settings.unread_bytes)
        self._timed = self.taker.timed
        self._answers: asyncio.Queue[Taken | None] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._farewell: tuple[int, str] | None = None  # code and reason, where it is we who end it

    def end(self, code: int, reason: str) -> None:
        """Take no more frames; answer those that were taken, then close with this code and reason."""
        self._farewell = self._farewell or (code, reason)
        if self._reader is not None:
            self._reader.cancel()

    async def run(self) -> None:
        """Until the client leaves or the service ends."""
        self._reader = asyncio.create_task(self._read())
        if self._farewell is not None:
            self._reader.cancel()
        writer = asyncio.create_task(self._write())
        idle = self.settings.stream_idle_seconds
        watch = None if idle is None else asyncio.create_task(self._watch(idle))
        try:
            await asyncio.wait({self._reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            self._answers.put_nowait(None)
            await writer
            if not self._reader.cancelled():
                self._reader.result()
            if self._farewell is not None:
                code, reason = self._farewell
                with suppress(OSError):
                    await self.send({"type": "websocket.close", "code": code, "reason": reason})
        finally:
            self._reader.cancel()
            self._reader = None  # where it was cancelled, it keeps the trace of that, which leads here
            writer.cancel()
            if watch is not None:
                watch.cancel()

    async def _watch(self, idle: float) -> None:
        """Ends a stream on which no frame came for so long; looks now and then, so that a frame costs no more."""
        loop = asyncio.get_running_loop()
        frames, since = self.taker.frames, loop.time()
        while loop.time() - since < idle:
            await asyncio.sleep(idle * _LOOK)
            if self.taker.frames != frames:
                frames, since = self.taker.frames, loop.time()
        self.end(GOING, f"idle: no frame for {idle:g} s; connect again when there is one")

    async def _read(self) -> None:
        while True:
            await self._room.wait()
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                return
            # No await between here and the queue: a frame that was taken is answered, also when this is cancelled.
            text = message.get("text")
            codec = self.codecs[0] if text is not None else self.codecs[1]
            data = text.encode("utf-8") if text is not None else message["bytes"]
            taken = self.taker.take(codec, data, text is not None)
            self._room.take(taken.size)
            self._answers.put_nowait(taken)

    async def _write(self) -> None:
        while (taken := await self._answers.get()) is not None:
            data, size = await self.taker.answer(taken), taken.size
            self._timed(perf_counter() - taken.came)
            del taken  # what the answer was made of does not wait for the client
            with suppress(OSError):  # the client has left; what it had sent is read and recorded to its end
                await self.send({"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data})
            self._room.give(size)


class NoSuchStream:
    """ASGI application of every other websocket path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await deny(problems.answer(NotFound("streams are at /v1/stream"), 0), scope, send)
