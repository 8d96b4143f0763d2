"""One connection that is kept: what was handed over is sent, and sent again after a break, until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gatecast_client.connection import TryLater, ended, open_connection, was_idle
from gatecast_client.errors import ConnectionLost, GatecastError
from gatecast_client.handles import Handles
from gatecast_client.outbox import Outbox, Posted
from gatecast_client.retry import Retry, Trouble
from gatecast_client.window import Lost, Window
from gatecast_client.wire import Wire


class Channel:
    """The way of a stream to one service; used with `async with`, whose end waits for all that was handed over."""

    def __init__(
        self,
        url: str,
        wire: Wire,
        retry: Retry,
        frames_at_once: int,
        window: Window,
        headers: Mapping[str, str] | None,
        correct: Callable[[Lost], Awaitable[None]],
    ) -> None:
        self._url = url
        self._headers = headers
        self._correct = correct
        self._wire = wire
        self._outbox = Outbox(window)
        self._retry = retry
        self._trouble = Trouble(retry)
        self._room = asyncio.Semaphore(frames_at_once)
        self._something_to_send = asyncio.Event()
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: GatecastError | None = GatecastError("stream_closed", "the stream is not open: use `async with`")

    @property
    def connected(self) -> bool:
        """False while it tries to come back."""
        return self._connection is not None

    @property
    def handles(self) -> Handles:
        """Those of its sessions, on the connection that there is."""
        return self._outbox.handles

    async def hand_over(self, frame: Posted) -> None:
        """Waits for room, not for the answer; `GatecastError` where nothing will be delivered any more."""
        frame.encode(self._wire)  # what cannot be sent is refused here, not on its way
        await self._room.acquire()
        if self._error is not None:
            self._room.release()
            raise self._error
        frame.settled.add_done_callback(lambda _: self._room.release())
        self._outbox.add(frame)
        self._something_to_send.set()

    async def deliver(self, frames: Sequence[Posted]) -> None:
        """Hands over one after the other; those that cannot be delivered have that error."""
        for frame in frames:
            try:
                await self.hand_over(frame)
            except GatecastError as error:
                frame.fail(error)

    async def __aenter__(self) -> Self:
        self._connection = await self._connect()
        self._error = None
        self._task = asyncio.create_task(self._run(self._connection))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is None:
            return
        try:
            if kind is None and len(self._outbox):
                await asyncio.wait([frame.settled for frame in self._outbox])
        finally:
            self._task.cancel()
            await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def _connect(self) -> ClientConnection:
        """The first connection, for which there is a patience of its own: whoever opens a stream is to know soon."""
        trouble = Trouble(self._retry, self._retry.connect_seconds)
        while True:
            try:
                return await open_connection(self._url, self._headers)
            except TryLater as later:
                await trouble.wait(later.error, True, later.seconds)

    async def _run(self, connection: ClientConnection) -> None:
        """Keeps a connection until the stream is left, or until there is no sense in trying further."""
        why = GatecastError(
            "stream_closed", "the stream was left before this reading was acknowledged: send it again in another one"
        )
        try:
            while True:
                lost = await self._converse(connection)
                self._outbox.lost(lost)
                if was_idle(lost, connection):
                    await self._wait_for_something()
                connection = await self._reconnect(lost)
                await self._outbox.correct(self._correct)
        except GatecastError as error:
            why = error
        finally:
            self._error = _since(why)
            self._connection = None
            self._outbox.fail(why)

    async def _converse(self, connection: ClientConnection) -> ConnectionLost:
        """Sends and receives until the connection is lost, and says how."""
        self._connection = connection
        sender = asyncio.create_task(self._send(connection))
        try:
            async for message in connection:
                if self._outbox.answered(self._wire.decode(message, self._outbox.expected)):
                    self._trouble.over()
                self._something_to_send.set()  # what waited for handles goes on
                if self._outbox.stalled:
                    if (refusal := self._outbox.refusal) is not None:
                        await self._trouble.wait(refusal, True, float(refusal.facts.get("retry_after_seconds", 0)))
                    await self._outbox.correct(self._correct)
                    self._outbox.again()
                    self._something_to_send.set()
        except ConnectionClosed:
            pass
        finally:
            self._connection = None
            sender.cancel()
            await asyncio.wait([sender])
            await connection.close()
        return ended(connection)

    async def _wait_for_something(self) -> None:
        while not len(self._outbox):
            self._something_to_send.clear()
            await self._something_to_send.wait()

    async def _send(self, connection: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # the receiver notices it too, after the last answer that came through
            while True:
                self._something_to_send.clear()
                while (frame := self._outbox.next()) is not None:
                    await connection.send(frame.encode(self._wire))
                await self._something_to_send.wait()

    async def _reconnect(self, lost: GatecastError) -> ClientConnection:
        at_least = 0.0
        while True:
            await self._trouble.wait(lost, len(self._outbox) > 0, at_least)
            try:
                connection = await open_connection(self._url, self._headers)
            except TryLater as later:
                lost, at_least = later.error, later.seconds
                continue
            if not len(self._outbox):
                self._trouble.over()
            return connection


def _since(why: GatecastError) -> GatecastError:
    """What is said to whoever comes later: waiting does not help, though the service may be back."""
    if why.code == "stream_closed":
        return why
    message = f"{why.message}; this stream ended with that, open another one"
    if isinstance(why, ConnectionLost):
        return ConnectionLost(message, why.facts)
    return GatecastError(why.code, message, why.facts, why.status)
