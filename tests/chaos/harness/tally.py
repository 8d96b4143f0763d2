"""What a campaign has seen, in numbers."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from tests.chaos.harness.findings import Check, Findings
from tests.chaos.harness.uninterrupted import Compared


@dataclass
class Tally:
    """Grows cycle by cycle; the rest is known at the end."""

    journal: str
    findings: Findings
    cycles: int = 0  # kills under load
    loaded: int = 0  # of these, with readings in flight
    in_flight: list[int] = field(default_factory=list)  # readings sent and not answered, at each kill
    at_start: int = 0  # further kills, of a service that was not ready yet
    restarts: list[float] = field(default_factory=list)  # seconds from the start of the process to ready
    quiet: int = 0  # kills that were meant to come when nothing was on its way
    sessions: int = 0
    spoken: int = 0  # of these, with a reading
    acknowledged: int = 0  # readings
    unheard: int = 0  # readings that were recorded and whose answer was cut off
    calls: int = 0  # of the client library, by callers that lived through all of it
    failed_calls: int = 0
    seconds: float = 0.0
    compared: Compared = field(default_factory=Compared)

    @property
    def share(self) -> float:
        """Of the kills that landed with readings in flight."""
        return self.loaded / max(1, self.cycles)

    @property
    def lost(self) -> int:
        return self.findings.of(Check.LOST)

    @property
    def doubled(self) -> int:
        return self.findings.of(Check.DOUBLED)

    @property
    def median_restart(self) -> float:
        return statistics.median(self.restarts)
