"""A proxy that cuts connections after so many bytes, anywhere in a frame or a handshake."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress


class FlakyProxy:
    """Between clients and a port of this machine; `calm` lets everything through."""

    def __init__(self, port: int, luck: random.Random, longest: int) -> None:
        self._target = port
        self._luck = luck
        self._longest = longest
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.calm = False
        self.cuts = 0
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        writers = [writer]
        try:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
                writers.append(far_writer)
                ways = [
                    asyncio.create_task(self._pass(reader, far_writer)),
                    asyncio.create_task(self._pass(far_reader, writer)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            for each in writers:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self._luck.randint(0, self._longest)
        while data := await reader.read(4096):
            if not self.calm and len(data) > left:
                self.cuts += 1
                writer.write(data[:left])
                with suppress(OSError):
                    await writer.drain()
                return
            left -= len(data)
            writer.write(data)
            await writer.drain()
