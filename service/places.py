"""The steps that a correction names, in order: by step or by time, each once, none that is let go of or lies ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.errors import Gap, NoReadings, StepMismatch, TimeRequired, TooManyReadings
from service.frames import NO_STEP, NO_TIME
from service.journal.revising import gone
from service.past_errors import DuplicateStep
from service.reach import Reach
from service.sessions import SessionTable
from service.verdicts import gap, off_grid


@dataclass(frozen=True, eq=False)
class Correction:
    """Readings of one session in any order; each has its step or its time."""

    steps: NDArray[np.int64]  # (readings,) NO_STEP where it has none
    times: NDArray[np.int64]  # (readings,) NO_TIME where it has none
    values: NDArray[np.float64]  # (readings, width), NaN where missing
    missing: bool = False  # steps that are skipped behind the last one enter as missing, and are no error


@dataclass(frozen=True)
class Places:
    """Of the sessions of one table."""

    table: SessionTable
    reach: Reach
    most: int  # steps that one correction may add

    @property
    def _frequency(self) -> Frequency:
        return self.reach.frequency

    def times(self, row: int, first: int, count: int) -> NDArray[np.int64]:
        """(count,) of a session's steps from `first` on."""
        return self._frequency.times(int(self.table.start[row]), np.arange(first, first + count))

    def find(self, row: int, correction: Correction) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Ascending steps (readings,) and the values (readings, width) that belong to them.

        `NoReadings`, `TimeRequired`, `OffGrid`, `StepMismatch`, `DuplicateStep`, `Gap`, `HistoryGone`, `InvalidTime`,
        `TooManyReadings`.
        """
        if self.table.unborn[row]:
            raise NoReadings(
                "this session has no start yet; its first reading sets it, and there is nothing to correct"
            )
        steps = self._steps(row, correction)
        order = np.argsort(steps, kind="stable")
        steps = steps[order]
        again = np.flatnonzero(steps[1:] == steps[:-1])
        if len(again):
            step = int(steps[again[0]])
            raise DuplicateStep(
                f"each step was expected once, step {step} comes again; send one value for it", step=step
            )
        last, start = int(self.table.last_step[row]), int(self.table.start[row])
        self.reach.check(start, int(steps[-1]))
        ahead = steps[steps > last]
        skipped = np.flatnonzero(ahead != last + 1 + np.arange(len(ahead)))
        if len(skipped) and not correction.missing:
            at = int(skipped[0])
            raise gap(last + at, int(ahead[at]), start, self._frequency)
        if len(ahead) and int(ahead[-1]) - last > self.most:
            raise TooManyReadings(
                f"at most {self.most} steps may be added at once, up to step {int(ahead[-1])} there are "
                f"{int(ahead[-1]) - last}; send the session anew with a history",
                limit=self.most,
            )
        self.check_kept(row, min(int(steps[0]), last))
        return steps, correction.values[order]

    def check_kept(self, row: int, step: int) -> None:
        """`HistoryGone` where the session's readings up to `step` cannot be found again, `Gap` where there is none."""
        last, first_step = int(self.table.last_step[row]), int(self.table.first_step[row])
        if step > last:
            raise Gap(f"step {step} is not recorded, the last step is {last}; name an earlier one", last_step=last)
        if step < first_step and first_step > 0:
            raise gone(step, first_step)

    def _steps(self, row: int, correction: Correction) -> NDArray[np.int64]:
        timed, numbered = correction.times != NO_TIME, correction.steps != NO_STEP
        if not (timed | numbered).all():
            raise TimeRequired("a correction needs the step or the ds of each reading, got one without both")
        if not timed.any():
            return correction.steps
        start = int(self.table.start[row])
        times = np.where(timed, correction.times, start)
        found, on_grid = self._frequency.steps(np.full(len(times), start), times)
        for at in np.flatnonzero(timed & (~on_grid | (found < 0))).tolist():
            raise off_grid(start, int(times[at]), int(found[at]), self._frequency)
        for at in np.flatnonzero(timed & numbered & (found != correction.steps)).tolist():
            step, by_time = int(correction.steps[at]), int(found[at])
            raise StepMismatch(
                f"step and ds must name one place: this ds is step {by_time}, got step {step}",
                step=step,
                step_of_ds=by_time,
            )
        return np.where(timed, found, correction.steps)
