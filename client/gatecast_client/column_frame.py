"""One frame by columns on its way: its readings, and which of them have no outcome yet."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gatecast_client.columns import NO_STEP, Forecasts, Observed, as_raw, nulls, raw
from gatecast_client.errors import GatecastError
from gatecast_client.handles import Handles
from gatecast_client.judge import Judge
from gatecast_client.readings import Reading
from gatecast_client.wire import Columns, Kind, Refused, Wire

Verdict = Literal["refused", "recorded", "again"]


class ColumnFrame:
    """Readings of a call, at these places of it. Each carries its step, so all that have no outcome may go again."""

    kind: Kind = "columns"
    barrier = False
    waits = False

    def __init__(
        self,
        observed: Observed,
        places: Sequence[int],
        sessions: Sequence[str],
        y: array[float],
        steps: array[int],
        covariates: dict[str, array[float]],
        handles: Handles,
        fills: bool = False,
    ) -> None:
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._observed = observed
        self._places = places
        self._sessions = sessions
        self._y = y
        self._steps = steps
        self._covariates = covariates
        self._handles = handles
        self._open: Sequence[int] = range(len(y))  # without an outcome
        self._again = False  # it was sent before, so the service may know readings of it
        self._fills = fills  # steps that its producer left out, once they are known to be that
        self._filling = False  # this time
        self._doubted: set[int] = set()  # that may have been recorded so, the answer lost

    def unnumbered(self) -> list[str]:
        """Sessions that it would rather call by number."""
        return self._handles.lacking(self._some(self._sessions))

    def encode(self, wire: Wire) -> str | bytes:
        """What is to be sent: the readings without an outcome, on this connection."""
        sessions, numbers = self._some(self._sessions), self._handles
        numbered = all(map(numbers.__contains__, sessions))
        called = array("I", map(numbers.__getitem__, sessions)) if numbered else array("I")
        y, steps = array("d", self._some(self._y)), array("q", self._some(self._steps))
        covariates = {name: array("d", self._some(column)) for name, column in self._covariates.items()}
        body: dict[str, Any]
        if wire.text:
            names = called.tolist() if numbered else list(sessions)
            body = {"sessions": names, "y": nulls(y), "steps": steps.tolist()}
            known: dict[str, Any] = {name: nulls(column) for name, column in covariates.items()}
        else:
            body = {"sessions": as_raw(called) if numbered else list(sessions), "y": as_raw(y), "steps": as_raw(steps)}
            known = {name: as_raw(column) for name, column in covariates.items()}
        if known:
            body["covariates"] = known
        if self._filling:
            body["gaps"] = "missing"
        return wire.encode(body)

    def answer(self, answer: Columns, judge: Judge) -> bool:
        """Takes the service's answer; True if a reading of it was acknowledged."""
        before = self._open
        if answer.error is not None:
            refused = [Refused(at=at, error=answer.error) for at in range(len(before))]
            steps: Sequence[int | None] = [NO_STEP] * len(before)
        else:
            refused = sorted(answer.errors, key=lambda each: each.at)
            steps = raw(answer.steps, "q").tolist() if isinstance(answer.steps, bytes) else answer.steps or []
        if len(steps) != len(before):
            raise GatecastError("unexpected_answer", f"{len(before)} steps were expected, got {len(steps)}")
        judged = {before[each.at]: self._judged(before[each.at], each.error, judge) for each in refused}
        filled = self._filled(answer, before)
        for at in sorted((filled.keys() | self._doubted.intersection(before)) - judged.keys()):
            if (verdict := self._overfull(at, filled.get(at, 0), judge)) != "recorded":
                judged[at] = verdict
        self._open = sorted(at for at, verdict in judged.items() if verdict == "again")
        untaken = {place for place, at in enumerate(before) if at in judged} if judged else set()
        self._take(answer, steps, before, untaken)
        self._remember(judge, before, answer.repeated, judged, filled)
        for at in before if judge.waits_loose else ():
            if judged.get(at, "recorded") == "recorded":
                judge.recorded(self._sessions[at])
        self._again = True
        if self._fills:
            self._filling, self.waits = judge.may_fill(self._sessions[at] for at in self._open)
        self._settle()
        return len(refused) < len(before)

    def lose(self, error: GatecastError) -> None:  # noqa: ARG002 (every frame's)
        """The connection is gone: all that have no outcome may go again."""
        self._again = True
        if self._filling:
            self._doubted.update(self._open)
        self._filling = False  # the journal may be another one by then

    def refuse(self, failed: Mapping[str, GatecastError], keyed: bool = True) -> None:
        """Readings of these sessions have this error; all have a key."""
        if not keyed:
            return
        found = {at: failed[self._sessions[at]] for at in self._open if self._sessions[at] in failed}
        if found:
            self._observed.errors |= {self._places[at]: error for at, error in found.items()}
            self._open = [at for at in self._open if at not in found]
            self._settle()

    def fail(self, error: GatecastError) -> None:
        """Whatever has no outcome has this error."""
        self._observed.errors |= {self._places[at]: error for at in self._open}
        self._open = []
        self._settle()

    def _some(self, column: Sequence[Any]) -> Sequence[Any]:
        return column if len(self._open) == len(column) else [column[at] for at in self._open]

    def _judged(self, at: int, sent: dict[str, Any], judge: Judge) -> Verdict:
        """What that error is: the reading's outcome, an acknowledgement, or for now."""
        facts = dict(sent)
        error = GatecastError(str(facts.pop("code", "unknown")), str(facts.pop("message", "")), facts)
        session, place = self._sessions[at], self._places[at]
        if error.code == "duplicate" and self._again:
            if (verdict := self._overfull(at, 0, judge)) != "recorded":
                return verdict
            self._observed.steps[place] = self._steps[at]
            self._observed.repeated.add(place)
            return "recorded"
        if error.code == "unknown_handle":  # of a handle that was refused: by name, next time
            judge.later(session, error)
            return "again"
        outcome = judge.outcome(session, self._steps[at], error, self._fills and not self._filling)
        if outcome is None:
            return "again"
        self._observed.errors[place] = outcome
        return "refused"

    def _filled(self, answer: Columns, before: Sequence[int]) -> dict[int, int]:
        """Readings before which steps entered as missing, and how many."""
        counts = raw(answer.filled, "q").tolist() if isinstance(answer.filled, bytes) else answer.filled
        if counts and len(counts) != len(before):
            raise GatecastError("unexpected_answer", f"{len(before)} counts of steps were expected, got {len(counts)}")
        return {at: count for at, count in zip(before, counts, strict=False) if count}

    def _overfull(self, at: int, filled: int, judge: Judge) -> Verdict:
        """Of one that is recorded: whether it goes again, since steps before it are to be corrected."""
        if not filled and at not in self._doubted:
            return "recorded"
        place, doubted = self._places[at], at in self._doubted
        overfull = judge.overfull(self._sessions[at], self._steps[at], filled, doubted)
        self._doubted.discard(at)
        if isinstance(overfull, GatecastError):
            self._observed.errors[place] = overfull
            return "refused"
        if left_out := filled if overfull is None else overfull:
            self._observed.filled[place] = left_out
        return "recorded" if overfull is None else "again"

    def _remember(
        self,
        judge: Judge,
        before: Sequence[int],
        repeated: Sequence[int],
        judged: Mapping[int, Verdict],
        filled: Mapping[int, int],
    ) -> None:
        """Those that are recorded now, for the day on which the service has them no more."""
        known = {before[at] for at in repeated} | judged.keys()
        if not judged and not filled and len(before) == len(self._y):
            judge.window.take_columns(self._sessions, self._steps, self._y, self._covariates, known)
            return
        taken = [at for at in before if judged.get(at, "recorded") == "recorded"]
        if filled:
            for at in taken:
                row = {name: column[at] for name, column in self._covariates.items()}
                reading, step = Reading(self._sessions[at], self._y[at], covariates=row), self._steps[at]
                judge.window.skip(reading, step - filled.get(at, 0), step)
                judge.window.take(reading, step, at in known)
            return
        judge.window.take_columns(
            [self._sessions[at] for at in taken],
            [self._steps[at] for at in taken],
            [self._y[at] for at in taken],
            {name: [column[at] for at in taken] for name, column in self._covariates.items()},
            {place for place, at in enumerate(taken) if at in known},
        )

    def _take(self, answer: Columns, steps: Sequence[int | None], before: Sequence[int], refused: set[int]) -> None:
        observed = self._observed
        places = [self._places[at] for at in before]
        taken = [at for at in range(len(before)) if at not in refused] if refused else range(len(before))
        for at in taken:
            step = steps[at]
            if step is None or step == NO_STEP:
                raise GatecastError("unexpected_answer", "an acknowledgement with its step was expected, got none")
            observed.steps[places[at]] = step
        if not taken:
            return
        observed.durable = answer.durable
        observed.repeated.update(places[at] for at in answer.repeated)
        if answer.times is not None:
            times = raw(answer.times, "q")
            observed.times.update((places[at], times[at]) for at in taken)
        if answer.ds is not None:
            observed.ds.update((places[at], ds) for at in taken if (ds := answer.ds[at]) is not None)
        observed.regimes |= {places[each.at]: each.regime for each in answer.regime}
        observed.qualities |= {places[each.at]: each.quality for each in answer.quality if each.quality}
        observed.anomalies |= {places[each.at]: each.anomaly for each in answer.anomaly if each.anomaly}
        if answer.forecast is not None:
            rows = raw(answer.rows, "I").tolist() if isinstance(answer.rows, bytes) else answer.rows
            observed.add(Forecasts(places if rows is None else [places[row] for row in rows], answer.forecast))

    def _settle(self) -> None:
        if not self._open and not self.settled.done():
            self.settled.set_result(None)
