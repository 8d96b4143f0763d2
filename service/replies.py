"""The way back from the engine's thread to the callers' event loops."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from contextlib import suppress
from typing import Any

from service.errors import GatecastError


class Caller:
    """One who awaits an answer; travels with what it asked."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        self.loop: AbstractEventLoop = get_running_loop()
        self.future: Future[Any] = self.loop.create_future()

    @property
    def gone(self) -> bool:
        """Whether nobody waits any more: cancelled, or answered."""
        return self.future.done()


class Replies:
    """Collects answers and hands them over with one wake-up for each event loop."""

    def __init__(self) -> None:
        self._waiting: dict[AbstractEventLoop, list[tuple[Future[Any], Any]]] = {}

    def answer(self, caller: Caller, result: object) -> None:
        """The caller is answered at the next `send`; an error is raised where it awaits."""
        self._waiting.setdefault(caller.loop, []).append((caller.future, result))

    def send(self) -> None:
        """Hands over all that was collected; a loop that was closed meanwhile is passed over."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        for loop, results in waiting.items():
            with suppress(RuntimeError):  # what a closed loop raises
                loop.call_soon_threadsafe(_settle, results)


def _settle(results: list[tuple[Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():  # cancelled meanwhile: its neighbours must not suffer
            continue
        if isinstance(result, GatecastError):
            future.set_exception(result)
        else:
            future.set_result(result)
