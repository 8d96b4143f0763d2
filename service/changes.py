"""What callers may do to sessions beside reading on: correct, rewind, fork, take out and in, erase."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from service.copies import Erased
from service.frames import SessionView
from service.places import Correction
from service.replies import Caller
from service.revisions import Revised
from service.serving import Serving


class Call(Protocol):
    """Runs an action in the engine's thread and awaits its answer; holds room for so many steps meanwhile."""

    def __call__(self, action: Callable[[Caller], object], steps: int = 0, /) -> Awaitable[Any]: ...


class Changes:
    """Any call may end in `Overloaded`, `Draining`, `ModelFailed` or `JournalError` beside what it names."""

    def __init__(self, call: Call, serving: Serving) -> None:
        self._call = call
        self._serving = serving

    async def correct(self, name: str, correction: Correction) -> Revised:
        """Gives readings of a session other values, fills in those that came late, adds those behind the last one.

        From then on its forecasts are as if it had always been so. What is so already changes nothing. `CannotStream`,
        `InvalidValue`, and as `Revisions.correct`.
        """
        self._serving.core.intake.must_stream()
        self._serving.core.intake.correction(correction)
        revised: Revised = await self._call(
            lambda caller: self._serving.core.revisions.correct(caller, name, correction)
        )
        return revised

    async def rewind(self, name: str, step: int) -> Revised:
        """Takes back all readings of a session after `step`, -1 for all of them. As `Revisions.rewind`."""
        self._serving.core.intake.must_stream()
        revised: Revised = await self._call(lambda caller: self._serving.core.revisions.rewind(caller, name, step))
        return revised

    async def fork(self, name: str, other: str, step: int | None = None) -> SessionView:
        """A copy of a session, up to `step`, as the session `other`. As `Copies.fork`."""
        self._serving.core.intake.must_stream()
        view: SessionView = await self._call(lambda _: self._serving.core.copies.fork(name, other, step))
        return view

    async def export(self, name: str, shown: str) -> bytes:
        """A session as one file, in which it is called `shown`. `UnknownSession`."""
        self._serving.core.intake.must_stream()
        data: bytes = await self._call(lambda _: self._serving.core.copies.export(name, shown))
        return data

    async def take_in(self, name: str, data: bytes, replace: bool = False) -> SessionView:
        """A session from such a file. As `Copies.take_in`."""
        self._serving.core.intake.must_stream()
        view: SessionView = await self._call(lambda _: self._serving.core.copies.take_in(name, data, replace))
        return view

    async def erase(self, name: str) -> Erased:
        """Deletes a session and all its forks. `UnknownSession`."""
        erased: Erased = await self._call(lambda _: self._serving.core.copies.erase(name))
        return erased
