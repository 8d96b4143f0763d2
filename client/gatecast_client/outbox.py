"""Frames that are not settled yet, in the order in which they were handed over: what must go again, goes in order."""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol

from gatecast_client.errors import GatecastError
from gatecast_client.handles import Handles
from gatecast_client.judge import Judge
from gatecast_client.resend import resends
from gatecast_client.window import Lost, Window
from gatecast_client.wire import Kind, Wire


class Posted(Protocol):
    """A frame of whatever kind, as the outbox sees it."""

    settled: Future[Any]

    @property
    def kind(self) -> Kind:
        """That of its answer."""

    @property
    def barrier(self) -> bool:
        """Whether its answer is to be known before anything more is sent."""

    @property
    def waits(self) -> bool:
        """Whether the answers to all before it are to be known before it is sent."""

    def unnumbered(self) -> list[str]:
        """Sessions that want a handle before it is sent."""

    def encode(self, wire: Wire) -> str | bytes:
        """What is to be sent now."""

    def answer(self, answer: Any, judge: Judge) -> bool:
        """Takes the service's answer; True if a reading of it was acknowledged."""

    def refuse(self, failed: Mapping[str, GatecastError], keyed: bool = True) -> None:
        """Readings of these sessions, those with a key or those without, that could go again have this error."""

    def lose(self, error: GatecastError) -> None:
        """The connection is gone."""

    def fail(self, error: GatecastError) -> None:
        """Gives up."""


class Outbox:
    """Pure bookkeeping, no connection in it. Answers come in the order of the frames.

    When the service wants a reading later, or lacks readings before it that it had acknowledged, nothing more is sent
    until all that is on its way has been answered; then what was refused goes again, before anything newer, and
    before it what the service lacks.
    """

    def __init__(self, window: Window | None = None) -> None:
        self._waiting: deque[Posted] = deque()
        self._sent: deque[Posted] = deque()  # on their way, not answered
        self._refused: list[Posted] = []  # answered, to go again; older than all others
        self._judge = Judge(Window() if window is None else window)
        self.handles = Handles()  # of this connection

    def __iter__(self) -> Iterator[Posted]:
        yield from (*self._refused, *self._sent, *self._waiting)

    def __len__(self) -> int:
        return len(self._refused) + len(self._sent) + len(self._waiting)

    @property
    def stalled(self) -> bool:
        """Everything on its way is answered, and some must go again: time for `again`, after a wait for `refusal`."""
        return bool(self._refused) and not self._sent

    @property
    def refusal(self) -> GatecastError | None:
        """Why the service wants readings later; None: at once."""
        return self._judge.refusal

    def add(self, frame: Posted) -> None:
        """Takes a frame, to be sent after all others."""
        self._waiting.append(frame)

    @property
    def expected(self) -> Kind:
        """What the next answer is of."""
        return self._sent[0].kind if self._sent else "items"

    def next(self) -> Posted | None:
        """The frame to send now, which counts as on its way; None: there is nothing to send for now."""
        while self._waiting and self._waiting[0].settled.done():  # refused while it waited
            self._waiting.popleft()
        if self._refused or self._judge.overfilled or not self._waiting or (self._sent and self._sent[-1].barrier):
            return None
        if self._sent and self._waiting[0].waits:
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
            return frame.answer(answer, self._judge)
        finally:
            if not frame.settled.done():
                self._refused.append(frame)
            self._refuse()

    async def correct(self, correct: Callable[[Lost], Awaitable[None]]) -> None:
        """What entered as missing though it had been acknowledged, before anything more is sent."""
        while self._judge.overfilled:
            lost = self._judge.overfilled[0]
            try:
                await correct(lost)
            except GatecastError as error:
                if error.code != "gap":  # the journal fell once more: then the readings that go again meet that
                    self._judge.uncorrected(lost, error)
            self._judge.overfilled.pop(0)
        self._refuse()

    def again(self) -> None:
        """What was refused may be sent again, first; before it what the service lacks."""
        for frame in self._refused if self._judge.overtaken else ():
            frame.refuse(self._judge.overtaken, keyed=False)
        self._refused = [frame for frame in self._refused if not frame.settled.done()]
        self._waiting.extendleft(reversed([*resends(self._judge.again()), *self._refused]))
        self._refused.clear()

    def lost(self, error: GatecastError) -> None:
        """The connection is gone: everything on its way goes again, but for readings that cannot be told apart."""
        if self._sent:
            self._judge.doubt()
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

    def _refuse(self) -> None:
        """Sessions of which readings could not be sent again, or corrected: all that waits is told."""
        if failed := self._judge.failed:
            for waiting in (*self._refused, *self._waiting):  # behind a barrier nothing is on its way
                waiting.refuse(failed)
            failed.clear()
            self._refused = [each for each in self._refused if not each.settled.done()]
