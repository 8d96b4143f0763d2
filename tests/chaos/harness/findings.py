"""What the harness may find wrong: each fault under the name of the check that saw it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """What is held at all times."""

    LOST = "no acknowledged reading is lost"
    DOUBLED = "no reading is recorded twice, and none that was never sent"
    ALTERED = "a recorded reading is the one that was sent"
    ANSWERED = "every frame is answered as the protocol says"
    FORECAST = "every forecast is that of a run without a break"
    STATE = "every final state is that of a run without a break"


@dataclass(frozen=True)
class Finding:
    """One fault: the check that saw it, the session, and what was seen."""

    check: Check
    session: str
    seen: str


class Findings:
    """All that was found, by any thread."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def __bool__(self) -> bool:
        return bool(self.all)

    def add(self, check: Check, session: str, seen: str) -> None:
        self.all.append(Finding(check, session, seen))

    def of(self, check: Check) -> int:
        """How many one check has."""
        return sum(finding.check is check for finding in self.all)
