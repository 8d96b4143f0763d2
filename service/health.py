"""Whether the engine is ready: no after a failure of model or journal, until a probe of it passes again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from service.engine_settings import EngineSettings
from service.errors import GatecastError, InternalError, JournalError, ModelFailed
from service.events import Observer
from service.faults import faults_as

Part = Literal["model", "journal"]
PARTS: tuple[Part, ...] = ("model", "journal")


class Health:
    """Probes what has failed, at intervals that double. A reading that runs meanwhile does not make it ready."""

    def __init__(self, settings: EngineSettings, observer: Observer, clock: Callable[[], float]) -> None:
        self.ready = False
        self.reason = "not started"
        self.journal_failed = False  # since this was last set to False
        self.probes: dict[Part, Callable[[], None]] = {}  # each raises if its part does not work
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._broken: dict[Part, str] = {}
        self._delay = settings.probe_seconds
        self._due = 0.0

    def say(self, ready: bool, reason: str) -> None:
        """Sets readiness for a reason that is no failure: starting, warming up, draining."""
        if (ready, reason) != (self.ready, self.reason):
            self.ready, self.reason = ready, reason
            self._observer.readiness(ready, reason)

    def note(self, error: GatecastError) -> None:
        """Takes notice of an error; only faults of model, journal and engine count, not refusals."""
        if not isinstance(error, ModelFailed | JournalError | InternalError):
            return
        self._observer.fault(error)
        self.journal_failed |= isinstance(error, JournalError)
        if not self._broken:
            self._delay = self._settings.probe_seconds
            self._due = self._clock() + self._delay
        self._broken["journal" if isinstance(error, JournalError) else "model"] = _words(error)
        self._tell()

    def journal_works(self) -> None:
        """An append has succeeded."""
        if "journal" in self._broken:
            del self._broken["journal"]
            self._tell()

    def broken(self, part: Part) -> bool:
        return part in self._broken

    def seconds_to_probe(self) -> float | None:
        """How long until the next probe; None if nothing is broken."""
        return max(0.0, self._due - self._clock()) if self._broken else None

    def probe(self) -> None:
        """Probes what is broken if it is time to; the part works again if its probe does not raise."""
        if not self._broken or self._clock() < self._due:
            return
        for part in list(self._broken):
            try:
                with faults_as(InternalError, f"the {part} failed its probe"):
                    self.probes[part]()
            except GatecastError as error:
                self._observer.fault(error)
                self._broken[part] = _words(error)
            else:
                del self._broken[part]
        self._delay = min(2 * self._delay, self._settings.probe_seconds_at_most)
        self._due = self._clock() + self._delay
        self._tell()

    def _tell(self) -> None:
        if self._broken:
            self.say(False, "; ".join(self._broken.values()))
        else:
            self.say(True, "ready")


def _words(error: GatecastError) -> str:
    """What an operator reads: also what the system said of a disk or a network, without the name of a file."""
    cause = error.__cause__
    said = cause.strerror if isinstance(cause, OSError) else None
    return error.message if not said or said in error.message else f"{error.message} ({said})"
