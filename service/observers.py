"""Several observers as one."""

from __future__ import annotations

from service.events import Observer


class Observers:
    """Tells each of its observers everything, in order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def batch(self, readings: int, sessions: int, seconds: float) -> None:
        for each in self._observers:
            each.batch(readings, sessions, seconds)

    def appended(self, readings: int, seconds: float) -> None:
        for each in self._observers:
            each.appended(readings, seconds)

    def chunk(self, histories: int, steps: int, seconds: float) -> None:
        for each in self._observers:
            each.chunk(histories, steps, seconds)

    def refused(self, code: str, readings: int) -> None:
        for each in self._observers:
            each.refused(code, readings)

    def fault(self, error: BaseException) -> None:
        for each in self._observers:
            each.fault(error)

    def rebuilt(self, sessions: int, readings: int) -> None:
        for each in self._observers:
            each.rebuilt(sessions, readings)

    def evicted(self, sessions: int) -> None:
        for each in self._observers:
            each.evicted(sessions)

    def checkpointed(self, sessions: int) -> None:
        for each in self._observers:
            each.checkpointed(sessions)

    def folded(self, left: int) -> None:
        for each in self._observers:
            each.folded(left)

    def released(self, sessions: int, readings: int) -> None:
        for each in self._observers:
            each.released(sessions, readings)

    def expired(self, sessions: int) -> None:
        for each in self._observers:
            each.expired(sessions)

    def stored(self, size: int, sessions: int) -> None:
        for each in self._observers:
            each.stored(size, sessions)

    def holidays_passed(self, until: str) -> None:
        for each in self._observers:
            each.holidays_passed(until)

    def readiness(self, ready: bool, reason: str) -> None:
        for each in self._observers:
            each.readiness(ready, reason)
