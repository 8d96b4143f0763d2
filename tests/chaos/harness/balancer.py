"""A load balancer of the plainest kind: each connection goes to the next service that takes it, and none sticks."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress


class Balancer(threading.Thread):
    """Deals connections to these ports of this machine in turn; `ports` may be changed while it does."""

    def __init__(self, ports: list[int]) -> None:
        super().__init__(daemon=True)
        self.ports = ports
        self.dealt = 0  # connections
        self._turn = 0
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self.url = ""

    def __enter__(self) -> Balancer:
        self.start()
        self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self.join(10)

    def run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._deal, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._listening.set()
        await self._ending.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _deal(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the server's callback would log it as a fault; its end is meant
            await self._connect(reader, writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await self._next()
            if far is None:
                return
            try:
                ways = [
                    asyncio.create_task(_pass(reader, far[1])),
                    asyncio.create_task(_pass(far[0], writer)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            finally:
                far[1].close()
                with suppress(OSError):
                    await far[1].wait_closed()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the next one that takes it; None if no one does."""
        for _ in range(len(self.ports)):
            self._turn += 1
            with suppress(OSError):
                made = await asyncio.open_connection("127.0.0.1", self.ports[self._turn % len(self.ports)])
                self.dealt += 1
                return made
        return None


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
