"""How far the calendar reaches: times beyond the year 9999 cannot be written, so no session or forecast goes there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import LAST_SECOND, Frequency, format_time
from service.errors import InvalidTime


@dataclass(frozen=True)
class Reach:
    """Of one model: a reading must leave room for the forecast after it, over the whole trained horizon."""

    frequency: Frequency
    horizon: int

    def beyond(self, starts: int | NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a reading of each step, counted from `starts`, or the forecast after it, lies beyond the calendar."""
        if not self.frequency.has_calendar:
            return np.zeros(steps.shape, np.bool_)
        return np.asarray(self.frequency.times(starts, steps + self.horizon) > LAST_SECOND)

    def check(self, start: int, step: int) -> None:
        """`InvalidTime` where a series that begins at `start` cannot have a reading of this step."""
        wrong = self.refusal(start, step)
        if wrong is not None:
            raise wrong

    def refusal(self, start: int, step: int) -> InvalidTime | None:
        """The error for a reading of this step in a series that begins at `start`; None where it can be had."""
        if not self.beyond(start, np.array([step])).any():
            return None
        time = int(self.frequency.times(start, np.array([step]))[0])
        at = f" ({format_time(time, self.frequency)})" if time <= LAST_SECOND else ""
        return InvalidTime(
            f"times end with the year 9999, and step {step}{at} with the {self.horizon} steps of "
            f"{self.frequency.alias} forecast after it goes beyond: check the time, or where the series starts"
        )
