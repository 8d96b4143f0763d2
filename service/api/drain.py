"""The open streams, so that an ending service can answer what each has sent and then tell it to reconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Drainable(Protocol):
    def drain(self) -> None:
        """Take no more frames; answer those that were taken, then close with 1012."""


class Streams:
    """Who is connected, and whether the service is ending."""

    def __init__(self) -> None:
        self._open: set[Drainable] = set()
        self._none = asyncio.Event()
        self._none.set()
        self.draining = False

    @contextmanager
    def joined(self, stream: Drainable) -> Iterator[None]:
        """The stream counts as open."""
        self._open.add(stream)
        self._none.clear()
        try:
            if self.draining:
                stream.drain()
            yield
        finally:
            self._open.discard(stream)
            if not self._open:
                self._none.set()

    async def drain(self) -> None:
        """Returns when every stream has had its answers and is closed."""
        self.draining = True
        for stream in list(self._open):
            stream.drain()
        await self._none.wait()
