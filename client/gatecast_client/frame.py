"""One frame on its way: its readings, and what has become of each so far."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from gatecast_client.answers import Acknowledgement
from gatecast_client.errors import GatecastError
from gatecast_client.judge import Judge
from gatecast_client.readings import Reading, time_as_sent
from gatecast_client.wire import Item, Kind, Wire

Outcome = Acknowledgement | GatecastError


class Frame:
    """Readings that travel together. It is settled when each has an outcome; those that have none may go again."""

    kind: Kind = "items"
    barrier = False

    def __init__(self, readings: Sequence[Reading], many: bool) -> None:
        self.readings = readings
        self.settled: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._many = many
        self._outcomes: list[Outcome | None] = [None] * len(readings)
        self._again = False  # it was sent before, so the service may know readings of it
        self._encoded: tuple[int, str | bytes] | None = None  # how many were open then

    def unnumbered(self) -> list[str]:
        """None: items carry names."""
        return []

    def encode(self, wire: Wire) -> str | bytes:
        """What is to be sent: the readings without an outcome."""
        open_ = self._open()
        if self._encoded is None or self._encoded[0] != len(open_):
            sent = [self.readings[at].as_sent() for at in open_]
            self._encoded = len(open_), wire.encode(sent if self._many else sent[0])
        return self._encoded[1]

    def answer(self, answer: Item | list[Item], judge: Judge) -> bool:
        """Takes the service's answer; True if a reading of it was acknowledged."""
        acknowledged = False
        open_ = self._open()
        for at, item in zip(open_, self._items(answer, len(open_)), strict=True):
            outcome = self._judge(self.readings[at], item, judge)
            acknowledged |= isinstance(outcome, Acknowledgement)
            self._outcomes[at] = outcome
        self._again = True
        self._settle()
        return acknowledged

    def lose(self, error: GatecastError) -> None:
        """The connection is gone: readings that carry no key have this error, the others may go again."""
        for at in self._open():
            if not self.readings[at].keyed:
                self._outcomes[at] = error
        self._again = True
        self._settle()

    def refuse(self, failed: Mapping[str, GatecastError]) -> None:
        """Readings of these sessions that could go again have this error."""
        for at in self._open():
            if self.readings[at].keyed:
                self._outcomes[at] = failed.get(self.readings[at].session)
        self._settle()

    def fail(self, error: GatecastError) -> None:
        """Whatever has no outcome has this error."""
        self._outcomes = [outcome or error for outcome in self._outcomes]
        self._settle()

    def _open(self) -> list[int]:
        return [at for at, outcome in enumerate(self._outcomes) if outcome is None]

    def _items(self, answer: Item | list[Item], count: int) -> list[Item]:
        if isinstance(answer, Item):
            whole = answer.error is not None and answer.session is None
            items = [answer] * count if whole or not self._many else []
        else:
            items = answer if self._many else []
        if len(items) != count:
            raise GatecastError("unexpected_answer", f"{count} items were expected in this answer, got another number")
        return items

    def _judge(self, reading: Reading, item: Item, judge: Judge) -> Outcome | None:
        """The reading's outcome, None if it must go again."""
        if item.error is None:
            if item.step is None:
                raise GatecastError("unexpected_answer", "an acknowledgement with its step was expected, got none")
            if reading.keyed:
                judge.window.take(reading, item.step, item.repeated)
            return Acknowledgement(
                session=reading.session,
                step=item.step,
                ds=item.ds,
                durable=item.durable,
                repeated=item.repeated,
                delivery=item.delivery,
                forecast=item.forecast,
                gates=item.gates,
                regime=item.regime,
            )
        facts: dict[str, Any] = dict(item.error)
        error = GatecastError(str(facts.pop("code", "unknown")), str(facts.pop("message", "")), facts)
        step = facts.get("step", reading.step)
        if error.code == "duplicate" and self._again and isinstance(step, int):
            judge.window.take(reading, step, repeated=True)
            ds = None if reading.ds is None else time_as_sent(reading.ds)
            return Acknowledgement(session=reading.session, step=step, ds=ds, repeated=True)
        return judge.outcome(reading.session, error) if reading.keyed else error

    def _settle(self) -> None:
        if self.settled.done():
            return
        outcomes = [outcome for outcome in self._outcomes if outcome is not None]
        if len(outcomes) == len(self._outcomes):
            self.settled.set_result(outcomes)
