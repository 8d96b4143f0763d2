"""The open streams, so that an ending service can answer what each has sent and then tell it to reconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from service.access import Caller

RESTART = 1012  # websocket close code: the service restarts, connect again


class Endable(Protocol):
    """An open stream."""

    @property
    def caller(self) -> Caller:
        """Whose it is."""

    def end(self, code: int, reason: str) -> None:
        """Take no more frames; answer those that were taken, then close with this code and reason."""


class Streams:
    """Who is connected, and whether the service is ending."""

    def __init__(self) -> None:
        self._open: set[Endable] = set()
        self._none = asyncio.Event()
        self._none.set()
        self.draining = False

    @property
    def open(self) -> list[Endable]:
        """Those that are open now."""
        return list(self._open)

    @contextmanager
    def joined(self, stream: Endable) -> Iterator[None]:
        """The stream counts as open."""
        self._open.add(stream)
        self._none.clear()
        try:
            if self.draining:
                _restart(stream)
            yield
        finally:
            self._open.discard(stream)
            if not self._open:
                self._none.set()

    async def drain(self) -> None:
        """Returns when every stream has had its answers and is closed."""
        self.draining = True
        for stream in self.open:
            _restart(stream)
        await self._none.wait()


def _restart(stream: Endable) -> None:
    stream.end(RESTART, "the service restarts; connect again")
