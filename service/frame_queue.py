"""Frames that wait: which of them, and how much of each, goes into the next batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from service.budget import Budget, Watched
from service.waiting import Frame


@dataclass(frozen=True, eq=False)
class Piece:
    """The observations `first` to `stop - 1` of a frame."""

    frame: Frame
    first: int
    stop: int


class FrameQueue:
    """Takes frames in the order they came; one too long for a batch in several, a cancelled one not at all.

    What is left of a frame that has begun lets those pass that came after it: they have a batch, then it goes on in
    the next. So nobody waits for more than one piece of it. A frame may be parked while a session of it is not ready.
    Frames that share a session with one that has begun, or is parked, are parked behind it, so that the order within
    each session holds.
    """

    def __init__(self, frames: deque[Frame], watched: Watched) -> None:
        self._frames = frames
        self._watched = watched
        self.begun: deque[Frame] = deque()  # taken in part
        self._busy: set[str] = set()  # their sessions, of which no two share one
        self._passed = False  # whether the newest batch left them out
        self._parked: list[Frame] = []
        self._late: set[str] = set()  # sessions that are not ready
        self._held: set[str] = set()  # and those of parked frames
        self.in_hand: list[Frame] = []  # those of the newest batch

    @property
    def parked(self) -> int:
        return len(self._parked)

    def form(self, limit: int) -> list[Piece]:
        """The next batch, of at most `limit` (see `Budget`); empty if nobody waits."""
        for frame in [frame for frame in self.begun if frame.caller.gone]:
            self.begun.remove(frame)
            self._end(frame)
        pieces: list[Piece] = []
        budget, passed, self._passed = Budget(limit, self._watched), self._passed, False
        for take in (self._go_on, self._begin) if passed else (self._begin, self._go_on):
            take(pieces, budget)
        self.begun.extend(piece.frame for piece in pieces if not piece.frame.all_taken)
        self.in_hand = [piece.frame for piece in pieces]
        return pieces

    def put_aside(self, pieces: list[Piece], late: set[str]) -> list[Piece]:
        """Parks the pieces of a batch that name a late session, and those held by them; returns the others."""
        others: list[Piece] = []
        parked: list[Frame] = []
        held = set(late)
        for piece in pieces:
            frame = piece.frame
            if held.isdisjoint(frame.observations.sessions[piece.first :]):
                others.append(piece)
                continue
            if not frame.all_taken:
                self.begun.remove(frame)
                self._busy.difference_update(frame.observations.sessions)
            frame.taken = piece.first
            held.update(frame.observations.sessions)
            parked.append(frame)
        self._parked[:0] = parked  # those who are parked already and share a session with them came later
        self._late |= late
        self._held |= held
        return others

    def put_back(self, pieces: list[Piece]) -> None:
        """Takes none of a batch: its frames are the first again, in their order, before those that wait behind them."""
        self._unpark()
        self._passed = False
        for piece in reversed(pieces):
            frame = piece.frame
            if not frame.all_taken:
                self.begun.remove(frame)
                self._busy.difference_update(frame.observations.sessions)
            frame.taken = piece.first
            self._frames.appendleft(frame)

    def release(self) -> None:
        """All sessions are ready: parked frames wait again, in their order and before all others."""
        self._late.clear()
        self._unpark()

    def _begin(self, pieces: list[Piece], budget: Budget) -> None:
        """Takes frames that have not begun, or were parked since."""
        while self._frames:
            frame = self._frames[0]
            sessions = frame.observations.sessions
            if frame.caller.gone:
                self._frames.popleft()
            elif any(names and not names.isdisjoint(sessions) for names in (self._busy, self._held)):
                self._parked.append(self._frames.popleft())
                self._held.update(sessions)
            elif _taken(frame, pieces, budget):
                self._frames.popleft()
                if not frame.all_taken:
                    self._busy.update(sessions)
            else:
                return

    def _go_on(self, pieces: list[Piece], budget: Budget) -> None:
        """Takes further pieces of those that have begun, unless others have this batch."""
        self._passed = bool(pieces and self.begun)
        while self.begun and not self._passed and _taken(self.begun[0], pieces, budget):
            frame = self.begun.popleft()
            if frame.all_taken:
                self._end(frame)

    def _end(self, frame: Frame) -> None:
        """Nothing more will be taken of a frame that had begun: those behind it need not wait any longer."""
        sessions = frame.observations.sessions
        self._busy.difference_update(sessions)
        if not self._held.isdisjoint(sessions):
            self._unpark()

    def _unpark(self) -> None:
        """Parked frames wait again; those that are held still will be parked again in the same order."""
        self._frames.extendleft(reversed(self._parked))
        self._parked.clear()
        self._held = set(self._late)


def _taken(frame: Frame, pieces: list[Piece], budget: Budget) -> bool:
    """Whether something of the frame still goes into the batch: then it is a piece more."""
    first, frame.taken = frame.taken, budget.take(frame.observations.sessions, frame.taken)
    if frame.taken > first:
        pieces.append(Piece(frame, first, frame.taken))
    return frame.taken > first
