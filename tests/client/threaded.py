"""A real service for tests that have no event loop."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from tests.client.live import LiveService


class Threaded:
    """Runs with its `with` block."""

    def __init__(self, live: LiveService) -> None:
        self.live = live

    @property
    def url(self) -> str:
        return self.live.url

    def stop(self) -> None:
        asyncio.run(self.live.stop())

    def restart(self) -> None:
        self.stop()
        asyncio.run(self.live.start())

    def __enter__(self) -> Self:
        asyncio.run(self.live.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
