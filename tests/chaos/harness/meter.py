"""A session as its clients know it, strictly: what was sent, what was acknowledged, every forecast that was given."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from tests.chaos.harness.findings import Check, Findings
from tests.conftest import HOUR, START


def iso(step: int) -> str:
    return datetime.fromtimestamp(START + HOUR * step, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def as_json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@dataclass(frozen=True)
class Item:
    """What came of one reading, whatever form it was answered in."""

    step: int | None
    repeated: bool = False
    durable: str | None = None
    error: dict[str, Any] | None = None
    forecast: np.ndarray | None = None  # (horizon, quantiles)


class Reading(NamedTuple):
    """One of a meter's, on its way."""

    meter: Meter
    step: int
    again: bool  # it was sent before, so the service may have it

    @property
    def value(self) -> float:
        return float(self.meter.values[self.step])


@dataclass(eq=False)
class Meter:
    """One thread at a time has it. Steps are acknowledged one after the other, whatever is sent again."""

    name: str
    values: np.ndarray  # (time,) all that it will ever send, no two alike
    history: int  # so many of them are there when it is made
    dated: bool  # whether it is made with a start
    durable: str  # what its readings are to survive
    findings: Findings
    made: bool = False
    sent: int = -1  # the last step
    acknowledged: int = -1
    doubtful: bool = False  # what is sent and not acknowledged is to go again, unasked
    heard: int = 0  # readings that were acknowledged as new
    unheard: int = 0  # recorded, as was found later, but not acknowledged: the answer was cut off
    given: list[tuple[int, np.ndarray]] = field(default_factory=list)  # step and forecast (horizon, quantiles)

    @property
    def left(self) -> bool:
        """Whether it has something to send."""
        return self.made and (self.doubtful or self.sent < len(self.values) - 1)

    @property
    def done(self) -> bool:
        return self.acknowledged == len(self.values) - 1

    @property
    def body(self) -> dict[str, Any]:
        """Of the request that makes it."""
        if self.history:
            return {"history": {"start": iso(0), "y": [as_json(value) for value in self.values[: self.history]]}}
        return {"start": iso(0)} if self.dated else {}

    def begun(self, view: dict[str, Any]) -> None:
        """The service says that it has it."""
        if view["next_step"] != self.history:
            check = Check.LOST if view["next_step"] < self.history else Check.DOUBLED
            self._found(check, f"made with {self.history} readings, it goes on from {view['next_step']}")
        self.made = True
        self.acknowledged = self.sent = self.history - 1

    def next(self, most: int, chance: random.Random) -> list[Reading]:
        """The next few readings; at times the one before them once more, and after a kill all that is in doubt."""
        if self.doubtful:
            self.doubtful = False
            return [Reading(self, step, True) for step in range(self.acknowledged + 1, self.sent + 1)]
        first = self.sent if chance.random() < 0.1 and self.sent >= 0 else self.sent + 1
        known, stop = self.sent, min(first + most, len(self.values))
        self.sent = max(self.sent, stop - 1)
        return [Reading(self, step, step <= known) for step in range(first, stop)]

    def take(self, reading: Reading, item: Item) -> None:
        """The answer to one of its readings."""
        if item.error is not None:
            self._refused(reading, item.error)
            return
        if item.step != reading.step:
            self._found(Check.DOUBLED, f"step {reading.step} was recorded as step {item.step}")
        elif item.repeated and not reading.again:
            self._found(Check.DOUBLED, f"step {reading.step} was recorded before it was first sent")
        elif not item.repeated and reading.step <= self.acknowledged:
            self._found(Check.DOUBLED, f"step {reading.step} was acknowledged and now is recorded as new")
        elif reading.step > self.acknowledged + 1:
            self._found(Check.ANSWERED, f"step {reading.step} comes after step {self.acknowledged}")
        elif item.durable != self.durable:
            self._found(Check.ANSWERED, f"step {reading.step} survives {item.durable}, not {self.durable}")
        self._have(reading.step, not item.repeated)
        if item.forecast is not None:
            self.given.append((reading.step, item.forecast))

    def placed(self, view: dict[str, Any]) -> None:
        """Where the service says, after a break, that it stands: all that was acknowledged, nothing never sent."""
        following = view["next_step"]
        if following <= self.acknowledged:
            self._found(Check.LOST, f"step {self.acknowledged} was acknowledged, the next one is {following}")
        if following > self.sent + 1:
            self._found(Check.DOUBLED, f"step {self.sent} was sent last, the next one is {following}")
        self.unheard += max(0, following - 1 - self.acknowledged)
        self.acknowledged = self.sent = following - 1
        self.doubtful = False

    def _refused(self, reading: Reading, error: dict[str, Any]) -> None:
        code = error.get("code")
        if code == "duplicate" and reading.again:
            self._have(reading.step, False)
        elif code == "gap" and error.get("expected_step", 0) <= self.acknowledged:
            self._found(Check.LOST, f"step {self.acknowledged} was acknowledged: {error}")
        elif code == "conflict":
            self._found(Check.ALTERED, f"step {reading.step} is another one: {error}")
        elif code == "duplicate":
            self._found(Check.DOUBLED, f"step {reading.step} was never sent before: {error}")
        else:
            self._found(Check.ANSWERED, f"step {reading.step} after {self.acknowledged}: {error}")

    def _have(self, step: int, new: bool) -> None:
        if step > self.acknowledged:
            self.acknowledged = step
            self.heard += new
            self.unheard += not new

    def _found(self, check: Check, seen: str) -> None:
        self.findings.add(check, self.name, seen)
