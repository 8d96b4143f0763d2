"""What came of each reading, as items of an answer: an acknowledgement with its forecast, or a refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.api import problems
from service.api.clock import LARGEST_COUNT, Clock, Time
from service.api.forecasts import Selection
from service.api.gate_summaries import Detail, GateSummaries
from service.api.qualities import Qualities
from service.api.readings import Reading, Sheet
from service.api.sums import StepSums
from service.api.telling import NOTHING, Telling
from service.errors import GatecastError
from service.frames import NO_STEP, NO_TIME, Answers
from service.names import outside

Item = dict[str, object]


@dataclass(frozen=True)
class Items:
    """Writes answers for clients. A forecast carries `start`, the time of its first step, or with `whole_times` all."""

    clock: Clock
    gates: GateSummaries
    sums: StepSums
    qualities: Qualities

    def write(
        self,
        sessions: Sequence[str],
        readings: Sequence[Reading],
        sheet: Sheet,
        answers: Answers,
        selection: Selection,
        starts: Mapping[str, int],
        whole_times: bool = False,
        gates: Detail | None = None,
        telling: Telling = NOTHING,
    ) -> list[Item]:
        """One item for each reading, in the order sent.

        `starts` are those of sessions whose grid cannot be continued from the reading's time alone.
        """
        items: list[Item] = [{}] * len(readings)
        for at, error in sheet.faults.items():
            items[at] = refusal(sessions[at], readings[at].step, error)
        medians, levels = selection.cut(answers.quantiles)
        sums = self.sums.write(answers.quantiles, selection)
        known, last = answers.times, np.zeros_like(answers.steps)
        if any(answers.errors):
            known = np.where(known == NO_TIME, 0, known)
        first = known
        if starts:
            names = sheet.observations.sessions
            last = np.array([step if name in starts else 0 for name, step in zip(names, answers.steps, strict=True)])
            first = np.array([starts.get(name, time) for name, time in zip(names, known, strict=True)])
        times, ahead = self._times(known, first, last, selection.horizon if whole_times else 1)
        repeated, keyed = answers.repeated.tolist(), answers.keyed.tolist()
        steps, rows = answers.steps.tolist(), answers.rows.tolist()
        shown, regimes = self._gates(answers, gates), _regimes(answers)
        for at, row in zip(sheet.kept, range(len(steps)), strict=True):
            wrong = answers.errors[row]
            if wrong is not None:
                items[at] = refusal(sessions[at], readings[at].step, wrong)
                continue
            item: Item = {"session": sessions[at], "step": steps[row], "ds": times[row], "durable": answers.durable}
            if repeated[row]:
                item["repeated"] = True
            if not keyed[row]:
                item["delivery"] = "at-most-once"
            place = rows[row]
            if place >= 0:
                item["forecast"] = {
                    **({"ds": ahead[row]} if whole_times else {"start": ahead[row][0]}),
                    "median": medians[place],
                    "quantiles": dict(zip(selection.names, levels[place], strict=True)),
                    **({} if sums is None else {"sums": sums[place]}),
                }
            if row in shown:
                item["gates"] = shown[row]
            if row in regimes:
                item["regime"] = regimes[row]
            items[at] = item
        if answers.filled is not None:
            for row in np.flatnonzero((answers.filled > 0) & (answers.steps != NO_STEP)).tolist():
                items[sheet.kept[row]]["filled"] = int(answers.filled[row])
        if answers.qualities is not None:
            for row, told in self.qualities.beside(answers.qualities, telling):
                items[sheet.kept[row]] |= told
        return items

    def _gates(self, answers: Answers, detail: Detail | None) -> dict[int, Item]:
        """By the row of the answer that they belong to."""
        if detail is None or answers.gates is None:
            return {}
        with_gates = np.flatnonzero(answers.gates.rows >= 0)
        written = self.gates.write(answers.gates.values[answers.gates.rows[with_gates]], detail)
        return dict(zip(with_gates.tolist(), written, strict=True))

    def _times(
        self, own: NDArray[np.int64], starts: NDArray[np.int64], last: NDArray[np.int64], count: int
    ) -> tuple[list[Time], list[list[Time]]]:
        """Each reading's `own` time, and those of the `count` steps after step `last` of a series from `starts`."""
        steps = last[:, None] + np.arange(1, count + 1, dtype=np.int64)  # (readings, count)
        ahead = self.clock.frequency.times(starts[:, None], steps)
        texts = self.clock.write_all(np.concatenate([own, ahead.ravel()]))
        readings = len(own)
        return texts[:readings], [texts[at : at + count] for at in range(readings, len(texts), count)]


def echo(written: Sequence[Item]) -> None:
    """Puts the names by which their clients know them in the place of those inside."""
    for item in written:
        session = item.get("session")
        if isinstance(session, str):
            item["session"] = outside(session)


def regime(said: NDArray[np.float64]) -> Item:
    """Flag, score, since (3,) for clients."""
    flag, score, since = said.tolist()
    return {
        "flag": bool(flag),
        "score": None if math.isnan(score) else score,
        "since": int(since) if flag else None,
    }


def _regimes(answers: Answers) -> dict[int, Item]:
    """By the row of the answer that they belong to."""
    if answers.regimes is None:
        return {}
    told = np.flatnonzero(answers.regimes.rows >= 0)
    return {row: regime(answers.regimes.values[answers.regimes.rows[row]]) for row in told.tolist()}


def refusal(session: str | None, step: object, error: GatecastError) -> Item:
    """The item that says why a reading was not recorded; without a session it is about the whole frame."""
    item: Item = {} if session is None else {"session": session}
    if isinstance(step, int) and abs(step) <= LARGEST_COUNT:
        item["step"] = step
    item["error"] = problems.fault(error)
    return item
