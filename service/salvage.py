"""What can be kept of a turn whose forecast is not finite: the readings before the one that spoilt it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.batching import Turns
from service.errors import NonFiniteForecast
from service.outcomes import Outcome
from service.running import Ran, Runner
from service.sessions import SessionTable
from service.verdicts import gap


class Salvage:
    """Finds the reading after which the forecast is not finite any more, and runs the turn again up to it."""

    def __init__(self, runner: Runner, table: SessionTable, frequency: Frequency) -> None:
        self._runner = runner
        self._table = table
        self._frequency = frequency

    def split(self, outcome: Outcome, times: NDArray[np.int64], ran: Ran) -> list[Ran]:
        """The turns that are finite, and what is left of the others; the rest of their readings get an error."""
        finite = ran.finite
        if finite.all():
            return [ran]
        spoilt = ran.turns.keep(~finite)
        kept = [self._before_the_fault(outcome, times, spoilt, at) for at in range(len(spoilt))]
        return [ran.only(finite), *(some for some in kept if some is not None)]

    def _before_the_fault(self, outcome: Outcome, times: NDArray[np.int64], turns: Turns, at: int) -> Ran | None:
        row, length, offset = int(turns.rows[at]), int(turns.lengths[at]), int(turns.offsets[at])
        taken, readings = outcome.taken_of(row), turns.readings[offset : offset + length]
        if length == 0:
            outcome.fail(taken.tolist(), _not_finite())
            return None

        def prefix(count: int) -> Ran | None:
            """The first `count` readings alone, if there is something to answer and the forecast is finite."""
            before = taken[taken < readings[count]]
            if len(before) == 0:
                return None
            zero = np.zeros(1, np.int64)
            short = Turns(turns.rows[at : at + 1], zero + count, zero, readings[:count], before[-1:])
            batch = outcome.batch
            (ran,) = self._runner.run(short, batch.values, times, batch.futures, batch.gated)
            return ran if ran.finite.all() else None

        good, bad, kept = 0, length, None
        while bad - good > 1:
            middle = (good + bad) // 2
            ran = prefix(middle)
            good, bad, kept = (middle, bad, ran) if ran is not None else (good, middle, kept)
        kept = kept or prefix(0)
        culprit = readings[good]
        step, start = int(outcome.steps[culprit]), int(self._table.start[row])
        later = taken[taken > culprit].tolist()
        for item in later:
            outcome.fail([item], gap(step - 1, int(outcome.steps[item]), start, self._frequency))
        outcome.fail([int(culprit)], _not_finite())
        if kept is None:
            outcome.fail(taken[taken < culprit].tolist(), _not_finite())
        return kept


def _not_finite() -> NonFiniteForecast:
    return NonFiniteForecast("the model's forecast is not finite; this reading was not recorded")
