"""The waiting room: what callers have handed in and the engine has not taken yet. All that two threads share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.engine_settings import EngineSettings
from service.errors import Draining, GatecastError, Overloaded
from service.frames import LARGEST_TIME, NO_STEP, Answers, Observations
from service.owed import Owed
from service.replies import Caller


@dataclass(eq=False)
class Frame:
    """Observations on their way: `taken` of them are in a batch already, whose answers are `parts`.

    Missing readings may be `added` to those that were sent, before those that are not taken yet.
    """

    observations: Observations
    wrong: dict[int, GatecastError]
    caller: Caller
    taken: int = 0
    parts: list[Answers] = field(default_factory=list)
    added: NDArray[np.bool_] | None = None  # (readings,) which of them were not sent; None: all were
    filled: int = 0  # how many that is
    seats: int = 0  # readings that it holds room for

    @property
    def all_taken(self) -> bool:
        return self.taken == len(self.observations.sessions)

    def fills(self, first: int, stop: int) -> NDArray[np.bool_]:
        """(stop - first,) whether steps left out before each may enter as missing; those of a reading do so once."""
        if not self.observations.fill or self.added is None:
            return np.full(stop - first, self.observations.fill)
        once = ~self.added
        once[1:] &= ~self.added[:-1]
        return once[first:stop]

    def since(self, first: int, stop: int) -> NDArray[np.int64] | None:
        """(stop - first,) the first new step that the session of each took of this frame in earlier batches.

        Where there was none, a step beyond all; None where there was none at all.
        """
        sessions = self.observations.sessions
        again = set(sessions[:first]).intersection(sessions[first:stop]) if first else None
        if not again:
            return None
        begun: dict[str, int] = {}
        steps = np.concatenate([np.where(part.repeated, NO_STEP, part.steps) for part in self.parts])
        for name, step in zip(sessions[:first], steps.tolist(), strict=True):
            if name in again and step != NO_STEP:
                begun.setdefault(name, step)
        return np.array([begun.get(name, LARGEST_TIME) for name in sessions[first:stop]])


@dataclass(frozen=True, eq=False)
class Peek:
    """A caller who wants the forecast of a session as it stands, or what else is told of it."""

    name: str
    caller: Caller
    future: NDArray[np.float64] | None = None  # (horizon, known-future covariates)
    tells: Literal["forecast", "regime", "quality"] = "forecast"


@dataclass(frozen=True, eq=False)
class Call:
    """Something else to be done in the engine's thread; what it returns is the answer, None comes later."""

    action: Callable[[Caller], object]
    caller: Caller


class WaitingRoom:
    """Bounded lanes from the callers to the engine; who finds them full, or the door closed, is told at once."""

    def __init__(self, settings: EngineSettings) -> None:
        self.frames: deque[Frame] = deque()
        self.peeks: deque[Peek] = deque()
        self.calls: deque[Call] = deque()
        self.readings = 0  # readings, peeks and calls that are not answered yet
        self.filled = 0  # missing readings among them that were added to frames
        self.most_filled = settings.max_waiting // 2
        self.steps = 0  # steps of the histories that are not answered yet
        self.owed = Owed(4 * settings.max_waiting)
        self._settings = settings
        self._changed = Condition()
        self._closed: str | None = None

    @contextmanager
    def place(self, readings: int = 1, steps: int = 0) -> Iterator[None]:
        """Holds room until the answer is there; `Overloaded` with `retry_after_seconds`, or `Draining`."""
        with self._changed:
            if self._closed is not None:
                raise Draining(self._closed)
            self._admit("readings", self.readings + readings, self._settings.max_waiting)
            self._admit("steps of histories", self.steps + steps, self._settings.max_waiting_steps)
            self.readings += readings
            self.steps += steps
        try:
            yield
        finally:
            with self._changed:
                self.readings -= readings
                self.steps -= steps

    def take_steps(self, steps: int) -> None:
        """Room for steps of which only the engine knows how many they are, until `give_steps`; `Overloaded`.

        The door may be closed: those who ask for them were accepted before. Where no others wait they are let in
        however many they are, since nobody could ask for fewer.
        """
        with self._changed:
            if self.steps > 0:
                self._admit("steps of histories", self.steps + steps, self._settings.max_waiting_steps)
            self.steps += steps

    def give_steps(self, steps: int) -> None:
        """The room is free again."""
        with self._changed:
            self.steps -= steps

    def seat(self, frame: Frame) -> None:
        """Hands in a frame that holds room until its caller is answered; `Overloaded` or `Draining`, as `place`.

        Readings of a frame that finds no room are owed, if it is one that later ones could fill the gaps of.
        """
        readings = len(frame.observations.sessions)
        with self._changed:
            if self._closed is not None:
                raise Draining(self._closed)
            try:
                self._admit("readings", self.readings + readings, self._settings.max_waiting)
            except Overloaded:
                if frame.observations.fill:
                    self.owed.refuse(frame.observations)
                raise
            self.readings += readings
            frame.seats = readings
            self.frames.append(frame)
            self._changed.notify()
        frame.caller.future.add_done_callback(lambda _: self._leave(frame))

    def check_filled(self, before: int, readings: int) -> None:
        """`Overloaded` if so many missing readings more, after those `before` them, are too many to wait.

        Where no others wait they are not: their frame is here already, and sent again it would ask for as many.
        """
        before += self.filled
        if before:
            self._admit("readings left out", before + readings, self.most_filled)

    def widen(self, frame: Frame, readings: int) -> None:
        """Missing readings are added to a frame that is seated; it holds room for them too, unless its caller left."""
        with self._changed:
            frame.filled += readings
            if frame.seats:
                frame.seats += readings
                self.readings += readings
                self.filled += readings

    def put(self, thing: Peek | Call) -> None:
        """Hands in something else to do and wakes the engine."""
        with self._changed:
            if self._closed is not None:
                raise Draining(self._closed)
            if isinstance(thing, Peek):
                self.peeks.append(thing)
            else:
                self.calls.append(thing)
            self._changed.notify()

    def wait(self, seconds: float | None) -> bool:
        """Waits until something has come or the door is closed; False if the seconds were over first."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self) or self.closed, seconds)

    def close(self, why: str) -> None:
        """Nothing is accepted from now on; what was accepted stays."""
        with self._changed:
            self._closed = self._closed or why
            self._changed.notify()

    @property
    def closed(self) -> bool:
        return self._closed is not None

    @property
    def why_closed(self) -> str | None:
        """None while it is open."""
        return self._closed

    def __bool__(self) -> bool:
        return bool(self.frames or self.peeks or self.calls)

    def _leave(self, frame: Frame) -> None:
        with self._changed:
            self.readings -= frame.seats
            if frame.filled:
                self.filled -= frame.filled
            frame.seats = 0

    def _admit(self, what: str, waiting: int, limit: int) -> None:
        if waiting > limit:
            raise Overloaded(
                f"at most {limit} {what} may wait here, with yours there would be {waiting}; "
                f"try again in {self._settings.retry_after_seconds} s, or send fewer at once",
                retry_after_seconds=self._settings.retry_after_seconds,
            )
