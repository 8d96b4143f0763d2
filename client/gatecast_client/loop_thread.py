"""An event loop in a thread of its own, in which the calls of other threads are answered."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from gatecast_client.errors import GatecastError, closed

T = TypeVar("T")


class LoopThread:
    """Begins with its first call and ends with `close`, or with the program. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._begun = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._last: Callable[[], Awaitable[None]] | None = None
        self._closed = False

    def call(self, asked: Coroutine[Any, Any, T]) -> T:
        """Its result, when it is there; `GatecastError` once this is closed. An interrupted call is cancelled."""
        try:
            loop = self._running()
            answer = asyncio.run_coroutine_threadsafe(asked, loop)
        except (GatecastError, RuntimeError) as gone:
            asked.close()
            raise closed() from gone
        try:
            return answer.result()
        except concurrent.futures.CancelledError:
            raise closed() from None
        except BaseException:
            answer.cancel()
            raise

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Calls `last`, cancels what is still waiting and ends the thread; may be called again."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._end is None:
            return
        self._last = last
        self._loop.call_soon_threadsafe(self._end.set)
        thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise closed()
            if self._thread is None:
                self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), name="gatecast", daemon=True)
                self._thread.start()
                self._begun.wait()
        assert self._loop is not None  # it has begun
        return self._loop

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._begun.set()
        await self._end.wait()
        if self._last is not None:
            await self._last()
