"""A small websocket server that follows the protocol until its script says otherwise."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.client.book import Book, refused

# What happens to one frame: lost before it is read, recorded but its answer lost, refused for now, or never answered;
# it is recorded and the service says that its journal has failed; the service restarts in front of it, finds it too
# large, or answers what no protocol knows; its answer is late, or the journal has lost the last readings of every
# session before it.
Fate = Literal[
    "well", "lost", "answer lost", "overloaded", "rate_limited", "journal", "stale_session", "silence", "restart",
    "too large", "nonsense", "late", "fallen",
]  # fmt: skip
_LATER = ("overloaded", "rate_limited", "journal", "stale_session")


class Scripted:
    """Keeps its book across connections and restarts; `fates` are used up frame by frame, `doors` by handshake."""

    def __init__(self) -> None:
        self.book = Book()
        self.fates: deque[Fate] = deque()
        self.doors: deque[int] = deque()  # HTTP status of the next handshakes; 200 lets in
        self.falls = 3  # readings that a fall loses
        self.frames: list[Any] = []  # all that were read
        self.asked: list[str] = []  # paths of the handshakes
        self.url = ""
        self._server: Server | None = None
        self._port = 0

    async def start(self) -> None:
        self._server = await serve(self._converse, "127.0.0.1", self._port, process_request=self._admit)
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close(code=1012)
            await self._server.wait_closed()
            self._server = None

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request.path)
        status = self.doors.popleft() if self.doors else 200
        if status == 200:
            return None
        response = connection.respond(HTTPStatus(status), '{"code": "refused_here", "detail": "in words", "limit": 3}')
        response.headers["Retry-After"] = "2"
        return response

    async def _converse(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await self._answer(connection)

    async def _answer(self, connection: ServerConnection) -> None:
        handles: list[str] = []
        async for message in connection:
            module = msgspec.json if isinstance(message, str) else msgspec.msgpack
            frame = module.decode(message)  # type: ignore[attr-defined]
            self.frames.append(frame)
            fate = self.fates.popleft() if self.fates else "well"
            if fate in ("lost", "answer lost"):
                if fate == "answer lost":
                    self.book.answer(frame, handles)
                connection.transport.abort()
                return
            if fate in ("restart", "too large"):
                await connection.close(1012 if fate == "restart" else 1009)
                return
            if fate == "silence":
                continue
            if fate == "late":
                for _ in range(20):
                    await asyncio.sleep(0)
            if fate == "fallen":
                for session in [*self.book.recorded]:
                    self.book.fall(session, self.falls)
            refused_now = fate in _LATER and fate != "journal"  # a journal that failed may have recorded
            answer = None if refused_now else self.book.answer(frame, handles)
            if fate in _LATER:
                answer = _later(frame, fate)
            encoded = module.encode({"tea": 1} if fate == "nonsense" else answer)  # type: ignore[attr-defined]
            await connection.send(encoded.decode() if isinstance(message, str) else encoded)


def _later(frame: Any, code: str) -> object:
    if "sessions" in frame:
        return {"error": {"code": code, "message": "later", "retry_after_seconds": 1}}
    if isinstance(frame, dict) and "observations" in frame:
        frame = frame["observations"]
    refusals = [
        refused(reading, code, retry_after_seconds=1) for reading in ([frame] if isinstance(frame, dict) else frame)
    ]
    return refusals if isinstance(frame, list) else refusals[0]


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """A running one."""
    server = Scripted()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Hours:
    """A clock that sleeping moves on, and nothing else."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0.001)  # gives way to the server in this loop
