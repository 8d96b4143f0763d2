"""One connection of a load test: frames go out when they are due, answers come back in their order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from gatecast_client.connection import TryLater, open_connection
from gatecast_client.errors import GatecastError
from gatecast_client.wire import Columns, Kind, Wire
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from commands.loading.block import Block, encoded
from commands.loading.tally import Tally

CLOSED, UNANSWERED = "connection_closed", "unanswered"
_PATIENCE = 0.05  # seconds between two looks for late answers


class Line:
    """Never waits for an answer before it sends. What the service does not read waits here, and its time runs."""

    def __init__(
        self, connection: ClientConnection, wire: Wire, blocks: list[Block], tally: Tally, zero: float
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._blocks = deque(blocks)
        self._tally = tally
        self._zero = zero  # of time.perf_counter(), from which all times count
        self._kind: Kind = "columns" if tally.plan.columns else "items"
        self._due: asyncio.Queue[float] = asyncio.Queue()
        self._flying: deque[tuple[float, Block]] = deque()
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]
        self.closed = False

    @classmethod
    async def opened(
        cls, url: str, headers: Mapping[str, str], wire: Wire, blocks: list[Block], tally: Tally, zero: float
    ) -> Line:
        """`GatecastError` where it cannot be; its sessions have their handles."""
        try:
            connection = await open_connection(url, headers)
        except TryLater as later:
            raise later.error from None
        if tally.plan.columns:
            names = [name for block in blocks for name in block.names]
            await connection.send(wire.encode({"handles": names}))
            answer: Columns = wire.decode(await connection.recv(), "columns")
            if answer.error is not None:
                raise GatecastError(str(answer.error.get("code")), str(answer.error.get("message")))
            for at, block in enumerate(blocks):
                block.first = at * len(block.names)
        return cls(connection, wire, blocks, tally, zero)

    def begin(self, zero: float) -> None:
        """Times count from here."""
        self._zero = zero

    def send(self, due: float) -> None:
        """The next frame, which is due since then."""
        if self.closed:
            self._tally.was_sent(due, self._now())
            self._tally.gone(due, CLOSED)
        else:
            self._due.put_nowait(due)

    async def close(self, seconds: float) -> None:
        """Waits so long for answers; what has none by then is counted as unanswered."""
        end = time.perf_counter() + seconds
        while (self._flying or self._due.qsize()) and not self.closed and time.perf_counter() < end:
            await asyncio.sleep(_PATIENCE)
        self._give_up(UNANSWERED)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()  # an answer that cannot be understood ends the test
        with suppress(OSError, ConnectionClosed):
            await self._connection.close()

    async def _send(self) -> None:
        with suppress(ConnectionClosed, OSError):
            while True:
                due = await self._due.get()
                block = self._blocks[0]
                self._blocks.rotate(-1)
                frame = encoded(block, self._wire, self._tally.plan.columns)
                self._tally.was_sent(due, self._now())
                self._flying.append((due, block))
                await self._connection.send(frame)

    async def _receive(self) -> None:
        try:
            async for message in self._connection:
                now = self._now()
                answer = self._wire.decode(message, self._kind)
                due, block = self._flying.popleft()
                refused = block.take_columns(answer) if self._kind == "columns" else block.take_items(answer)
                self._tally.answered(due, now, refused)
        except ConnectionClosed:
            pass
        self.closed = True
        self._give_up(CLOSED)

    def _give_up(self, code: str) -> None:
        while self._flying:
            self._tally.gone(self._flying.popleft()[0], code)
        while self._due.qsize():
            due = self._due.get_nowait()
            self._tally.was_sent(due, self._now())
            self._tally.gone(due, code)

    def _now(self) -> float:
        return time.perf_counter() - self._zero
