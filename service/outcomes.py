"""What becomes of each reading of a batch, while it is worked on, and the answers that each frame gets of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.attached import NONE, Attached
from service.batching import Batch, Turns
from service.errors import GatecastError
from service.faults import again
from service.filled import Filled
from service.frames import NO_STEP, NO_TIME, Answers
from service.running import Ran
from service.sessions import UNKNOWN
from service.verdicts import Verdict
from service.waiting import Frame

Items = NDArray[np.int64]  # positions in the batch


class Outcome:
    """One row for each reading; every reading ends with a step or with an error."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.rows = np.full(len(batch), UNKNOWN, np.int64)  # of the session table
        self.steps = np.full(len(batch), NO_STEP, np.int64)
        self.times = np.full(len(batch), NO_TIME, np.int64)
        self.keyed = (batch.steps != NO_STEP) | (batch.times != NO_TIME)
        self.repeated = np.zeros(len(batch), np.bool_)
        self.errors: list[GatecastError | None] = list(batch.errors)
        self.turns = 0  # sessions that got a forecast
        self.lacking: list[tuple[Frame, Filled]] = []  # frames to which missing readings are to be added first
        self._forecast_of = np.full(len(batch), -1, np.int64)
        self._forecasts: list[NDArray[np.float64]] = []
        self.regimes: list[tuple[Items, NDArray[np.float64]]] = []  # of newest observations: flag, score, since
        self._gates: list[tuple[Items, NDArray[np.float32]]] = []
        self.qualities: list[tuple[Items, NDArray[np.float64]]] = []  # of newest observations, where somebody asks

    def accept(self, verdict: Verdict) -> None:
        """Takes over what the judge said."""
        self.steps, self.repeated, self.errors = verdict.steps, verdict.repeated, verdict.errors

    def taken_of(self, row: int) -> Items:
        """The readings of a session that have no error, in order of arrival."""
        return np.flatnonzero((self.rows == row) & (self.steps != NO_STEP))

    def fail(self, items: Iterable[int], error: GatecastError) -> None:
        """These readings end with an error."""
        for item in items:
            self.errors[item] = again(error)
            self.steps[item], self.times[item] = NO_STEP, NO_TIME
            self.repeated[item] = False
            self._forecast_of[item] = -1

    def fail_all(self, error: GatecastError) -> None:
        """All readings that have no error yet end with this one."""
        self.fail([item for item, known in enumerate(self.errors) if known is None], error)

    def forecast(self, ran: Ran) -> None:
        """The newest reading of each of these turns gets its forecast, if it is wanted and what it takes is known."""
        if self.batch.every is not None:
            ran = ran.only(self._wanted(ran.turns))
        if ran.gates is not None and self.batch.gated is not None:
            asked = self.batch.gated[ran.turns.newest]
            self._gates.append((ran.turns.newest[asked], ran.gates[asked]))
        if self.batch.futures is not None:
            ran = ran.only(self.batch.futures.carried[ran.turns.newest])
        self._forecast_of[ran.turns.newest] = self.turns + np.arange(len(ran.turns))
        self.turns += len(ran.turns)
        self._forecasts.append(ran.forecasts)

    def absorb(self, items: Items, part: Outcome) -> None:
        """What became of these readings when they were worked on once more, alone."""
        self.rows[items], self.steps[items], self.times[items] = part.rows, part.steps, part.times
        self.repeated[items] = part.repeated
        for item, error in zip(items.tolist(), part.errors, strict=True):
            self.errors[item] = error
        self._forecast_of[items] = np.where(part._forecast_of >= 0, part._forecast_of + self.turns, -1)
        self._forecasts += part._forecasts
        self.turns += part.turns
        self.regimes += [(items[at], values) for at, values in part.regimes]
        self.qualities += [(items[at], values) for at, values in part.qualities]
        self._gates += [(items[at], values) for at, values in part._gates]

    def _wanted(self, turns: Turns) -> NDArray[np.bool_]:
        """(turns,) whether a forecast after one of its steps was asked for; the newest reading then gets it."""
        assert self.batch.every is not None
        every, taken = self.batch.every[turns.newest], self.steps[turns.newest] + 1
        before = taken - np.maximum(turns.lengths, 1)  # a step that came again counts as itself
        if self.batch.since is not None:  # those that the frame took before have left it to its newest reading
            before = np.minimum(before, self.batch.since[turns.newest])
        wanted: NDArray[np.bool_] = (every > 0) & (taken // np.maximum(every, 1) > before // np.maximum(every, 1))
        return wanted

    def refused(self) -> Counter[str]:
        """How many readings ended with which error code."""
        return Counter(error.code for error in self.errors if error is not None)

    def answers(self, last_steps: NDArray[np.int64], durable: str, empty: NDArray[np.float64]) -> Sequence[Answers]:
        """Answers for each piece of the batch; `empty` (0, horizon, quantiles) is what stands for no forecast."""
        has = self._forecast_of >= 0
        chosen = self._forecast_of[has]
        forecasts = np.concatenate(self._forecasts)[chosen] if len(chosen) else empty
        gates, regimes = self._attached(self._gates), self._attached(self.regimes)
        qualities = self._attached(self.qualities)
        counted = np.cumsum(has)  # forecasts up to and with each reading
        answers: list[Answers] = []
        first = before = 0
        for piece in self.batch.pieces:
            stop = first + piece.stop - piece.first
            cut, until = slice(first, stop), int(counted[stop - 1])
            answers.append(
                Answers(
                    steps=self.steps[cut],
                    times=self.times[cut],
                    last_steps=last_steps[cut],
                    repeated=self.repeated[cut],
                    keyed=self.keyed[cut],
                    rows=np.where(has[cut], counted[cut] - before - 1, -1),
                    quantiles=forecasts[before:until],
                    errors=self.errors[cut],
                    durable=durable,
                    gates=gates.cut(cut) if gates and piece.frame.observations.gates else None,
                    regimes=None if regimes is None else regimes.cut(cut),
                    qualities=qualities.cut(cut) if qualities and piece.frame.observations.quality else None,
                )
            )
            first, before = stop, until
        return answers

    def _attached(self, some: list[tuple[Items, NDArray[Any]]]) -> Attached | None:
        """What goes with some readings, but for those that have failed since."""
        if not some:
            return None
        rows = np.full(len(self.batch), NONE)
        items = np.concatenate([items for items, _ in some])
        rows[items] = np.arange(len(items))
        rows[self.steps == NO_STEP] = NONE
        return Attached(rows, np.concatenate([values for _, values in some]))
