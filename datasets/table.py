"""What a reader hands over: series on a common grid, and the error that says why a file could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from datasets.holidays import Holidays


class DataError(Exception):
    """Data that cannot be used; the message names file and place, what was expected, what came, what to do."""


@dataclass(frozen=True, eq=False)
class Series:
    """One series on its grid, without holes: row i lies at step i from `start`.

    `start` is in seconds of the series' own wall clock (or a plain count); `values` has the shape
    (time, 1 + covariates), float64, column 0 the target, NaN where nothing was read.
    """

    unique_id: str
    start: int
    values: NDArray[np.float64]
    static: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))  # (static,), NaN where unknown

    def __len__(self) -> int:
        return int(self.values.shape[0])


@dataclass(frozen=True, eq=False)
class SeriesTable:
    """All series of one source in the order in which they first appear, of one frequency and time zone."""

    source: str
    frequency: Frequency
    time_zone: str | None
    target: str
    covariates: tuple[str, ...]
    series: tuple[Series, ...]
    warnings: tuple[str, ...]
    future: tuple[str, ...] = ()  # covariates that are known ahead, in the order of `covariates`
    static: tuple[str, ...] = ()  # features that are constant for a series
    calendar_zone: str | None = None  # whose clock people live by; times are then UTC
    holidays: Holidays | None = None
