"""Something that is drawn again and again while a block runs, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def drawn(drawing: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Runs `drawing`, which never ends by itself, beside the block."""
    task = asyncio.create_task(drawing)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
