"""What the engine tells those who watch it: metrics and logs implement this protocol. No names, no values."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Called from the engine's thread, so each call must be quick and must not raise. Times are in seconds."""

    def batch(self, readings: int, sessions: int, seconds: float) -> None:
        """A batch of stream readings was judged, run, recorded and answered."""

    def appended(self, readings: int, seconds: float) -> None:
        """The journal has recorded readings."""

    def chunk(self, histories: int, steps: int, seconds: float) -> None:
        """One chunk of some histories was run; `steps` counts those that were not padding."""

    def refused(self, code: str, readings: int) -> None:
        """Readings were answered with the error of this code."""

    def fault(self, error: BaseException) -> None:
        """The model, the journal or the engine itself failed; the cause hangs on the error."""

    def rebuilt(self, sessions: int, readings: int) -> None:
        """States came back from the journal by replaying readings."""

    def evicted(self, sessions: int) -> None:
        """States left the arena."""

    def checkpointed(self, sessions: int) -> None:
        """States were saved to the journal."""

    def folded(self, left: int) -> None:
        """The journal folded a slice of its tail; `left` readings are in it still."""

    def released(self, sessions: int, readings: int) -> None:
        """The journal has let go of old readings."""

    def expired(self, sessions: int) -> None:
        """Sessions have expired."""

    def stored(self, size: int, sessions: int) -> None:
        """What the journal takes, in bytes, and how many sessions there are."""

    def holidays_passed(self, until: str) -> None:
        """A forecast was asked for that reaches beyond the day until which the model knows holidays."""

    def readiness(self, ready: bool, reason: str) -> None:
        """The engine became ready, or stopped being so and why."""


class NullObserver:
    """Watches nothing."""

    def batch(self, readings: int, sessions: int, seconds: float) -> None: ...

    def appended(self, readings: int, seconds: float) -> None: ...

    def chunk(self, histories: int, steps: int, seconds: float) -> None: ...

    def refused(self, code: str, readings: int) -> None: ...

    def fault(self, error: BaseException) -> None: ...

    def rebuilt(self, sessions: int, readings: int) -> None: ...

    def evicted(self, sessions: int) -> None: ...

    def checkpointed(self, sessions: int) -> None: ...

    def folded(self, left: int) -> None: ...

    def released(self, sessions: int, readings: int) -> None: ...

    def expired(self, sessions: int) -> None: ...

    def stored(self, size: int, sessions: int) -> None: ...

    def holidays_passed(self, until: str) -> None: ...

    def readiness(self, ready: bool, reason: str) -> None: ...
