"""A journal in memory that several engines share, as processes share one on a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from threading import RLock
from typing import Any

from service.engine import Engine
from service.journal import Journal, Readings
from service.journal.memory import MemoryJournal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import running


class SharedJournal:
    """A journal in memory that several engines use, one operation at a time; `before` an append others may act."""

    shared = True

    def __init__(self) -> None:
        self.held = MemoryJournal(1)
        self.before: Callable[[Readings], object] = lambda _: None
        self._lock = RLock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.held, name)
        if not callable(found):
            return found

        def locked(*given: Any, **named: Any) -> Any:
            with self._lock:
                return found(*given, **named)

        return locked

    def append(self, readings: Readings) -> Any:
        with self._lock:
            self.before(readings)
            return self.held.append(readings)

    def close(self) -> None:
        """The others go on."""


@asynccontextmanager
async def replicas(count: int, **bounds: float) -> AsyncIterator[tuple[list[Engine], Journal]]:
    journal: Any = SharedJournal()
    bounds = {"max_batch": 16, "chunk": 8, "history_batch": 2, **bounds}  # so that warming up is short
    async with AsyncExitStack() as stack:
        opened = [running(FakeRuntime(fake_bundle()), journal, **bounds) for _ in range(count)]
        yield [await stack.enter_async_context(each) for each in opened], journal
