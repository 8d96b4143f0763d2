"""Frames of readings that were acknowledged and are sent again, because the service's journal fell behind."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gatecast_client.columns import as_raw, nulls
from gatecast_client.errors import GatecastError
from gatecast_client.judge import TRY_LATER, Judge
from gatecast_client.window import Lost
from gatecast_client.wire import Columns, Kind, Refused, Wire

READINGS_PER_FRAME = 1024


class Part(NamedTuple):
    """Some steps of one session."""

    lost: Lost
    first: int
    until: int


class ResendFrame:
    """Readings by columns, by name, without forecasts. Nobody waits for it; nothing goes behind it before it is
    answered, so that what cannot be mended is told before more is recorded.
    """

    kind: Kind = "columns"
    barrier = True
    waits = False

    def __init__(self, parts: Sequence[Part]) -> None:
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parts = parts

    def unnumbered(self) -> list[str]:
        """None: sessions go by name, once."""
        return []

    def encode(self, wire: Wire) -> str | bytes:
        """The columns."""
        names = self._parts[0].lost.names
        columns = [array("d") for _ in (0, *names)]
        steps, ds = array("q"), []
        for lost, first, until in self._parts:
            begin, end, width = (first - lost.held), (until - lost.held), len(columns)
            for at, column in enumerate(columns):
                column.extend(lost.values[begin * width + at : end * width : width])
            steps.extend(range(first, until))
            ds += [lost.ds if step == 0 else None for step in range(first, until)]
        y, *rest = map(nulls if wire.text else as_raw, columns)
        body: dict[str, Any] = {
            "sessions": self._sessions(),
            "y": y,
            "steps": steps.tolist() if wire.text else as_raw(steps),
            "every": "none",
            "gates": False,
        }
        if any(each is not None for each in ds):  # a session that has not begun wants to know when it does
            body["ds"] = ds
        if names:
            body["covariates"] = dict(zip(names, rest, strict=True))
        return wire.encode(body)

    def answer(self, answer: Columns, judge: Judge) -> bool:
        """Takes the service's answer. What it has already is as good as recorded, and a further gap is told by the
        readings behind; of any other refusal those are told (`Judge.failed`).
        """
        sessions, later = self._sessions(), False
        steps = [step for part in self._parts for step in range(part.first, part.until)]
        refused: Iterable[Refused] = answer.errors
        if answer.error is not None:
            refused = [Refused(at=at, error=answer.error) for at in range(len(sessions))]
        for each in refused:
            facts = dict(each.error)
            error = GatecastError(str(facts.pop("code", "unknown")), str(facts.pop("message", "")), facts)
            if error.code in TRY_LATER:
                judge.later(sessions[each.at], error)
                later = True
            elif error.code not in ("duplicate", "gap") and (error.code != "time_required" or not steps[each.at]):
                judge.failed.setdefault(sessions[each.at], _failed(judge, sessions[each.at], error))
        if not later:
            self._settle()
        return False

    def lose(self, error: GatecastError) -> None:
        """The connection is gone: it goes again."""

    def refuse(self, failed: Mapping[str, GatecastError], keyed: bool = True) -> None:
        """Leaves out these sessions; all readings have a key."""
        if not keyed:
            return
        self._parts = [part for part in self._parts if part.lost.session not in failed]
        if not self._parts:
            self._settle()

    def fail(self, error: GatecastError) -> None:  # noqa: ARG002 (every frame's)
        """Gives up."""
        self._settle()

    def _sessions(self) -> list[str]:
        return [part.lost.session for part in self._parts for _ in range(part.first, part.until)]

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)


def _failed(judge: Judge, session: str, error: GatecastError) -> GatecastError:
    if error.code == "unknown_session":
        return judge.outcome(session, None, error) or error
    says = f"readings that had been acknowledged were sent again before this one, and of one of them: {error.message}"
    return GatecastError(error.code, says, error.facts)


def resends(lost: Iterable[Lost]) -> Iterator[ResendFrame]:
    """All of it in frames of 1,024 readings, those of a session in order."""
    parts: list[Part] = []
    room = READINGS_PER_FRAME
    for each in lost:
        first = each.first
        while first <= each.last:
            if parts and (not room or parts[0].lost.names != each.names):
                yield ResendFrame(parts)
                parts, room = [], READINGS_PER_FRAME
            until = min(first + room, each.last + 1)
            parts.append(Part(each, first, until))
            room -= until - first
            first = until
    if parts:
        yield ResendFrame(parts)
