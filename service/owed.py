"""Readings that were refused and are to come again: what their clients still owe is no gap that may be filled."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.errors import Gap, GatecastError, StaleSession
from service.frames import NO_STEP, NO_TIME, Answers, Observations

Place = tuple[int, int]  # step and time, NO_STEP and NO_TIME where the client sent none


class Owed:
    """By session the places of readings that were refused, though nothing is wrong with them themselves.

    A client may have sent more before it was told. Were a later reading of those to fill the place, the refused one
    could not come again. So the place is kept for it; once it is recorded, or a later one, it lies before every gap.
    Callers' threads and the engine's both write here; at most `most` places are remembered, the latest sessions'.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: dict[str, set[Place]] = {}
        self._count = 0
        self._lock = Lock()

    def refuse(self, observations: Observations) -> None:
        """All readings of a frame were refused before the engine had it."""
        sent = zip(observations.sessions, observations.steps.tolist(), observations.times.tolist(), strict=True)
        self._owe((name, (step, time)) for name, step, time in sent)

    def note(self, observations: Observations, first: int, added: NDArray[np.bool_] | None, part: Answers) -> None:
        """What became of the readings from `first` on; `added` (readings,) are those that no client has sent."""
        sessions, steps, times = observations.sessions, observations.steps, observations.times
        if any(part.errors):
            wrong = [at for at, error in enumerate(part.errors, first) if error is not None and comes_again(error)]
            self._owe(
                (sessions[at], (int(steps[at]), int(times[at]))) for at in wrong if added is None or not added[at]
            )
        if self._places:
            taken = zip(sessions[first:], part.steps.tolist(), part.times.tolist(), strict=False)
            for name, step, time in taken:
                if step != NO_STEP and name in self._places:
                    self._settle(name, step + 1, time + 1)

    def within(self, session: str, first: int, stop: int, start: int, frequency: Frequency) -> bool:
        """Whether a reading of one of the steps from `first` to `stop - 1`, counted from `start`, is owed.

        Asked of verdicts that may be reached once more, so nothing is forgotten by it.
        """
        if session not in self._places:
            return False
        with self._lock:
            return wanted(self._places.get(session, ()), first, stop, start, frequency)

    def settle(self, session: str, first: int, start: int, frequency: Frequency) -> None:
        """What is before step `first` is recorded, or passed over: it is owed no longer, even if it is taken back."""
        if session in self._places:
            (begin,) = frequency.times(start, np.array([first])).tolist()
            self._settle(session, first, begin)

    def _settle(self, session: str, first: int, begin: int) -> None:
        with self._lock:
            held = {place for place in self._take(session) if not _before(place, first, begin)}
            if held:
                self._places[session] = held
                self._count += len(held)

    def forget(self, session: str) -> None:
        """Nothing is owed to a session that has ended, nor to the one that begins under its name."""
        if session in self._places:
            with self._lock:
                self._take(session)

    def _take(self, session: str) -> set[Place]:
        held = self._places.pop(session, set())
        self._count -= len(held)
        return held

    def _owe(self, places: Iterable[tuple[str, Place]]) -> None:
        with self._lock:
            for name, place in places:
                if place == (NO_STEP, NO_TIME):
                    continue
                held = self._places.pop(name, set())
                self._count += place not in held
                held.add(place)
                self._places[name] = held
            while self._count > self._most:
                self._count -= len(self._places.pop(next(iter(self._places))))


def wanted(places: Iterable[Place], first: int, stop: int, start: int, frequency: Frequency) -> bool:
    """Whether one of these places is a step from `first` to `stop - 1`, counted from `start`."""
    begin, end = frequency.times(start, np.array([first, stop])).tolist()
    return any(_before(place, stop, end) and not _before(place, first, begin) for place in places)


def _before(place: Place, first: int, begin: int) -> bool:
    """Whether it is before a step, whose time is `begin`."""
    step, time = place
    return step < first if step != NO_STEP else time < begin


def comes_again(error: GatecastError) -> bool:
    """Whether the same reading may be recorded later: the service failed, or those before it are lacking."""
    return error.status >= 500 or isinstance(error, Gap | StaleSession)
