"""What came of each reading, as items of an answer: an acknowledgement with its forecast, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.api import problems
from service.api.clock import LARGEST_COUNT, Clock, Time
from service.api.forecasts import Selection
from service.api.readings import Reading, Sheet
from service.errors import GatecastError
from service.frames import NO_TIME, Answers

Item = dict[str, object]


@dataclass(frozen=True)
class Items:
    """Writes answers for clients. A forecast carries `start`, the time of its first step, or with `whole_times` all."""

    clock: Clock

    def write(
        self,
        sessions: Sequence[str],
        readings: Sequence[Reading],
        sheet: Sheet,
        answers: Answers,
        selection: Selection,
        whole_times: bool = False,
    ) -> list[Item]:
        """One item for each reading, in the order sent."""
        items: list[Item] = [{}] * len(readings)
        for at, error in sheet.faults.items():
            items[at] = refusal(sessions[at], readings[at].step, error)
        medians, levels = selection.cut(answers.quantiles)
        known = np.where(answers.times == NO_TIME, 0, answers.times)
        times = self.clock.write_all(known)
        ahead = self._ahead(known, selection.horizon if whole_times else 1)
        repeated, keyed = answers.repeated.tolist(), answers.keyed.tolist()
        steps, rows = answers.steps.tolist(), answers.rows.tolist()
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
                }
            items[at] = item
        return items

    def _ahead(self, times: np.ndarray[tuple[int], np.dtype[np.int64]], count: int) -> list[list[Time]]:
        """The times of the `count` steps after each of `times`."""
        steps = np.arange(1, count + 1, dtype=np.int64)
        texts = self.clock.write_all(self.clock.frequency.times(np.repeat(times, count), np.tile(steps, len(times))))
        return [texts[at : at + count] for at in range(0, len(texts), count)]


def refusal(session: str | None, step: object, error: GatecastError) -> Item:
    """The item that says why a reading was not recorded; without a session it is about the whole frame."""
    item: Item = {} if session is None else {"session": session}
    if isinstance(step, int) and abs(step) <= LARGEST_COUNT:
        item["step"] = step
    item["error"] = problems.fault(error)
    return item
