"""One frame on its way: its readings, and what has become of each so far."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from gatecast_client.answers import Acknowledgement
from gatecast_client.errors import ConnectionLost, GatecastError
from gatecast_client.judge import Judge
from gatecast_client.readings import Reading, time_as_sent
from gatecast_client.wire import Item, Kind, Wire

Outcome = Acknowledgement | GatecastError


class Frame:
    """Readings that travel together. It is settled when each has an outcome; those that have none may go again."""

    kind: Kind = "items"
    barrier = False
    waits = False

    def __init__(self, readings: Sequence[Reading], many: bool, fills: bool = False) -> None:
        self.readings = readings
        self.settled: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._many = many
        self._outcomes: list[Outcome | None] = [None] * len(readings)
        self._again = False  # it was sent before, so the service may know readings of it
        self._encoded: tuple[int, bool, str | bytes] | None = None  # how many were open then, and whether it fills
        self._fills = fills  # steps that its producer left out, once they are known to be that
        self._filling = False  # this time
        self._filled: dict[int, int] = {}  # of readings that go again though they are recorded
        self._doubted: set[int] = set()  # that may have been recorded so, the answer lost

    def unnumbered(self) -> list[str]:
        """None: items carry names."""
        return []

    def encode(self, wire: Wire) -> str | bytes:
        """What is to be sent: the readings without an outcome."""
        open_ = self._open()
        if self._encoded is None or self._encoded[:2] != (len(open_), self._filling):
            sent: Any = [self.readings[at].as_sent() for at in open_]
            if self._filling:
                sent = {"observations": sent, "gaps": "missing"}
            elif not self._many:
                sent = sent[0]
            self._encoded = len(open_), self._filling, wire.encode(sent)
        return self._encoded[2]

    def answer(self, answer: Item | list[Item], judge: Judge) -> bool:
        """Takes the service's answer; True if a reading of it was acknowledged."""
        acknowledged = False
        open_ = self._open()
        for at, item in zip(open_, self._items(answer, len(open_)), strict=True):
            outcome = self._judge(at, item, judge)
            acknowledged |= isinstance(outcome, Acknowledgement)
            self._outcomes[at] = outcome
        self._again = True
        if self._fills:
            self._filling, self.waits = judge.may_fill(self.readings[at].session for at in self._open())
        self._settle()
        return acknowledged

    def lose(self, error: GatecastError) -> None:
        """The connection is gone: readings that carry no key have this error, the others may go again."""
        for at in self._open():
            if not self.readings[at].keyed:
                self._outcomes[at] = ConnectionLost(
                    f"{error.message}; this reading has neither step nor ds, so nobody knows whether it was recorded: "
                    f"ask where session {self.readings[at].session!r} stands (resume) and go on from there"
                )
        self._again = True
        if self._filling:
            self._doubted.update(self._open())
        self._filling = False  # the journal may be another one by then
        self._settle()

    def refuse(self, failed: Mapping[str, GatecastError], keyed: bool = True) -> None:
        """Readings of these sessions, those with a key or those without, that could go again have this error."""
        for at in self._open():
            if self.readings[at].keyed is keyed:
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
            items = [answer] * count if whole or not self._listed else []
        else:
            items = answer if self._listed else []
        if len(items) != count:
            raise GatecastError("unexpected_answer", f"{count} items were expected in this answer, got another number")
        return items

    @property
    def _listed(self) -> bool:
        return self._many or self._filling

    def _judge(self, at: int, item: Item, judge: Judge) -> Outcome | None:
        """The reading's outcome, None if it must go again."""
        reading = self.readings[at]
        if item.error is None:
            if item.step is None:
                raise GatecastError("unexpected_answer", "an acknowledgement with its step was expected, got none")
            judge.recorded(reading.session)
            if item.filled or at in self._doubted:
                overfull = self._overfull(at, item.step, item.filled, judge)
                if isinstance(overfull, GatecastError):
                    return overfull
                if overfull:
                    return None
                judge.window.skip(reading, item.step - item.filled, item.step)
            if reading.keyed:
                judge.window.take(reading, item.step, item.repeated)
            return Acknowledgement(
                session=reading.session,
                step=item.step,
                ds=item.ds,
                durable=item.durable,
                repeated=item.repeated,
                filled=item.filled or self._filled.get(at, 0),
                delivery=item.delivery,
                forecast=item.forecast,
                gates=item.gates,
                regime=item.regime,
                quality=item.quality,
                anomaly=item.anomaly,
            )
        facts: dict[str, Any] = dict(item.error)
        error = GatecastError(str(facts.pop("code", "unknown")), str(facts.pop("message", "")), facts)
        step = facts.get("step", reading.step)
        if error.code == "duplicate" and self._again and isinstance(step, int):
            if at in self._doubted and self._overfull(at, step, 0, judge):
                return None
            judge.window.take(reading, step, repeated=True)
            ds = None if reading.ds is None else time_as_sent(reading.ds)
            filled = self._filled.get(at, 0)
            return Acknowledgement(session=reading.session, step=step, ds=ds, repeated=True, filled=filled)
        if not reading.keyed:
            return judge.loose(reading.session, error)
        return judge.outcome(reading.session, reading.step, error, self._fills and not self._filling)

    def _overfull(self, at: int, step: int, filled: int, judge: Judge) -> GatecastError | bool:
        """Whether it goes again though it is recorded, since steps before it are to be corrected."""
        overfull = judge.overfull(self.readings[at].session, step, filled, at in self._doubted)
        self._doubted.discard(at)
        if overfull is None or isinstance(overfull, GatecastError):
            return overfull or False
        self._filled[at] = self._filled.get(at, 0) or overfull
        return True

    def _settle(self) -> None:
        if self.settled.done():
            return
        outcomes = [outcome for outcome in self._outcomes if outcome is not None]
        if len(outcomes) == len(self._outcomes):
            self.settled.set_result(outcomes)
