"""The open streams, so that an ending service can answer what each has sent and then tell it to reconnect."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from service.access import Caller
from service.limit_errors import TooManyStreams

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

    def __init__(self, per_tenant: int | None = None) -> None:
        """`per_tenant`: the most of one tenant; None: no bound."""
        self._open: set[Endable] = set()
        self._most = per_tenant
        self._of_tenant: Counter[str] = Counter()
        self._none = asyncio.Event()
        self._none.set()
        self.draining = False

    @property
    def open(self) -> list[Endable]:
        """Those that are open now."""
        return list(self._open)

    @contextmanager
    def joined(self, stream: Endable) -> Iterator[None]:
        """The stream counts as open; `TooManyStreams` where its tenant may have no more."""
        tenant = stream.caller.tenant
        if self._most is not None and self._of_tenant[tenant] >= self._most:
            raise TooManyStreams(
                f"at most {self._most} streams may be open here for you, and so many are: close one, or send more "
                "sessions' readings on each",
                limit=self._most,
            )
        self._open.add(stream)
        self._of_tenant[tenant] += 1
        self._none.clear()
        try:
            if self.draining:
                _restart(stream)
            yield
        finally:
            self._open.discard(stream)
            self._of_tenant[tenant] -= 1
            if not self._of_tenant[tenant]:
                del self._of_tenant[tenant]
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
