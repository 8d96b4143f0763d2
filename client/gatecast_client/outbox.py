"""Frames that are not settled yet, in the order in which they were handed over: what must go again, goes in order."""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

from gatecast_client.errors import GatecastError
from gatecast_client.handles import Handles
from gatecast_client.wire import Kind, Wire


class Posted(Protocol):
    """A frame of whatever kind, as the outbox sees it."""

    settled: Future[Any]
    refusal: GatecastError | None  # why the service wants some of it later

    @property
    def kind(self) -> Kind:
        """That of its answer."""

    def unnumbered(self) -> list[str]:
        """Sessions that want a handle before it is sent."""

    def encode(self, wire: Wire) -> str | bytes:
        """What is to be sent now."""

    def answer(self, answer: Any, held: set[str]) -> bool:
        """Takes the service's answer; True if a reading of it was acknowledged."""

    def lose(self, error: GatecastError) -> None:
        """The connection is gone."""

    def fail(self, error: GatecastError) -> None:
        """Gives up."""


class Outbox:
    """Pure bookkeeping, no connection in it. Answers come in the order of the frames.

    When the service wants a reading later, nothing more is sent until all that is on its way has been answered;
    then what was refused goes again, before anything newer.
    """

    def __init__(self) -> None:
        self._waiting: deque[Posted] = deque()
        self._sent: deque[Posted] = deque()  # on their way, not answered
        self._refused: list[Posted] = []  # answered, to go again; older than all others
        self._held: set[str] = set()  # sessions of which a reading must go again
        self.handles = Handles()  # of this connection

    def __iter__(self) -> Iterator[Posted]:
        yield from (*self._refused, *self._sent, *self._waiting)

    def __len__(self) -> int:
        return len(self._refused) + len(self._sent) + len(self._waiting)

    @property
    def refusal(self) -> GatecastError | None:
        """Why the service wants readings later, once everything on its way is answered: time to wait, then `again`."""
        return self._refused[0].refusal if self._refused and not self._sent else None

    def add(self, frame: Posted) -> None:
        """Takes a frame, to be sent after all others."""
        self._waiting.append(frame)

    @property
    def expected(self) -> Kind:
        """What the next answer is of."""
        return self._sent[0].kind if self._sent else "items"

    def next(self) -> Posted | None:
        """The frame to send now, which counts as on its way; None: there is nothing to send for now."""
        if self._refused or not self._waiting:
            return None
        if names := self._waiting[0].unnumbered():
            if self.handles.asked:
                return None
            self._sent.append(self.handles.ask(names))
        else:
            self._sent.append(self._waiting.popleft())
        return self._sent[-1]

    def answered(self, answer: Any) -> bool:
        """The answer to the oldest frame on its way; True if it acknowledged a reading."""
        if not self._sent:
            raise GatecastError("unexpected_answer", "no answer was expected: every frame has been answered")
        frame = self._sent.popleft()
        try:
            return frame.answer(answer, self._held)
        finally:
            if not frame.settled.done():
                self._refused.append(frame)

    def again(self) -> None:
        """What was refused may be sent again, first."""
        self._waiting.extendleft(reversed(self._refused))
        self._refused.clear()
        self._held.clear()

    def lost(self, error: GatecastError) -> None:
        """The connection is gone: everything on its way goes again, but for readings that cannot be told apart."""
        for frame in self._sent:
            frame.lose(error)
        self._refused.extend(frame for frame in self._sent if not frame.settled.done())
        self._sent.clear()
        self.handles.clear()
        self.again()

    def fail(self, error: GatecastError) -> None:
        """Gives up: whatever is open has this error."""
        for frame in self:
            frame.fail(error)
        self._waiting.clear()
        self._sent.clear()
        self._refused.clear()
