"""Frames that are not settled yet, in the order in which they were handed over: what must go again, goes in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from gatecast_client.errors import GatecastError
from gatecast_client.frame import Frame
from gatecast_client.wire import Item


class Outbox:
    """Pure bookkeeping, no connection in it. Answers come in the order of the frames.

    When the service wants a reading later, nothing more is sent until all that is on its way has been answered;
    then what was refused goes again, before anything newer.
    """

    def __init__(self) -> None:
        self._waiting: deque[Frame] = deque()
        self._sent: deque[Frame] = deque()  # on their way, not answered
        self._refused: list[Frame] = []  # answered, to go again; older than all others
        self._held: set[str] = set()  # sessions of which a reading must go again

    def __iter__(self) -> Iterator[Frame]:
        yield from (*self._refused, *self._sent, *self._waiting)

    def __len__(self) -> int:
        return len(self._refused) + len(self._sent) + len(self._waiting)

    @property
    def refusal(self) -> GatecastError | None:
        """Why the service wants readings later, once everything on its way is answered: time to wait, then `again`."""
        return self._refused[0].refusal if self._refused and not self._sent else None

    def add(self, frame: Frame) -> None:
        """Takes a frame, to be sent after all others."""
        self._waiting.append(frame)

    def next(self) -> Frame | None:
        """The frame to send now, which counts as on its way; None: there is nothing to send for now."""
        if self._refused or not self._waiting:
            return None
        self._sent.append(self._waiting.popleft())
        return self._sent[-1]

    def answered(self, answer: Item | list[Item]) -> bool:
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
        self.again()

    def fail(self, error: GatecastError) -> None:
        """Gives up: whatever is open has this error."""
        for frame in self:
            frame.fail(error)
        self._waiting.clear()
        self._sent.clear()
        self._refused.clear()
