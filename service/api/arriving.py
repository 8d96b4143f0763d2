"""Requests that trickle in: their head and their body have a time each, or the connection is given to somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from service.limit_errors import TooSlow

LATE = "gatecast.late"  # in the scope of a request whose body did not come in time, with the error


class Arriving:
    """The time of what is coming on one connection. `late` is called when it is over, and says whether that was all.

    It is not while it is we who do not read; then it is asked again after as long.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, head_seconds: float, body_seconds: float, late: Callable[[bool], bool]
    ) -> None:
        self._loop = loop
        self._head_seconds = head_seconds
        self._body_seconds = body_seconds
        self._late = late
        self._timer: asyncio.TimerHandle | None = None
        self.of_head = False  # whether that is what is coming

    @property
    def waits(self) -> bool:
        """Whether something is coming."""
        return self._timer is not None

    def head(self) -> None:
        """The head of a request begins, or a connection on which one is to."""
        self._begin(self._head_seconds, False)

    def body(self) -> None:
        """The head is there, and a body follows."""
        self._begin(self._body_seconds, True)

    def end(self) -> None:
        """All is there, or nobody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.of_head = False

    def too_slow(self, body: bool) -> TooSlow:
        """What the client is told."""
        what, seconds = ("body", self._body_seconds) if body else ("head", self._head_seconds)
        return TooSlow(f"the {what} of a request may take {seconds:g} s here, and was not whole then; send it again")

    def _begin(self, seconds: float, body: bool) -> None:
        self.end()
        self.of_head = not body
        self._timer = self._loop.call_later(seconds, self._over, seconds, body)

    def _over(self, seconds: float, body: bool) -> None:
        self._timer = None
        if not self._late(body):
            self._begin(seconds, body)
