"""Calls an event loop at given moments, to a fraction of the millisecond that its own timers are exact to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread


class Metronome:
    """A thread that sleeps until each moment; `tick(moments)` is called in the loop with all that are due by then.

    It runs ahead of nothing: where the loop is late, the calls are, and what they tell of is as old as it is.
    """

    def __init__(
        self, moments: Iterator[float], tick: Callable[[list[float]], None], ended: Callable[[], None]
    ) -> None:
        """`moments`: of time.perf_counter(), ascending; `ended` is called in the loop behind the last of them."""
        self._moments = moments
        self._tick = tick
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="metronome", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """No call comes after this."""
        self._stopped.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        following = next(self._moments, None)
        while following is not None and not self._stopped.is_set():
            wait = following - time.perf_counter()
            if wait > 0.5:
                self._stopped.wait(0.25)
                continue
            if wait > 0:
                time.sleep(wait)
            now, due = time.perf_counter(), []
            while following is not None and following <= now:
                due.append(following)
                following = next(self._moments, None)
            self._loop.call_soon_threadsafe(self._tick, due)
        self._loop.call_soon_threadsafe(self._ended)
