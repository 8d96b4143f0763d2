"""What a table of series must offer to be learned from; `datasets.table.SeriesTable` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from datasets.holidays import Holidays


class Series(Protocol):
    """One series on its grid: row i of `values` lies i steps from `start`, column 0 is the target."""

    @property
    def start(self) -> int: ...
    @property
    def values(self) -> NDArray[np.float64]: ...  # (time, width), NaN where missing
    @property
    def static(self) -> NDArray[np.float64]: ...  # (static,)


class Table(Protocol):
    """Series of one source on a common grid, and what their columns are called."""

    @property
    def source(self) -> str: ...
    @property
    def frequency(self) -> Frequency: ...
    @property
    def time_zone(self) -> str | None: ...
    @property
    def calendar_zone(self) -> str | None: ...
    @property
    def holidays(self) -> Holidays | None: ...
    @property
    def target(self) -> str: ...
    @property
    def covariates(self) -> tuple[str, ...]: ...
    @property
    def future(self) -> tuple[str, ...]: ...
    @property
    def static(self) -> tuple[str, ...]: ...
    @property
    def series(self) -> Sequence[Series]: ...


class Parts(Protocol):
    """Where training and validation of each series end; `datasets.split.split` says so."""

    @property
    def train_end(self) -> NDArray[np.int64]: ...  # (series,)
    @property
    def validation_end(self) -> NDArray[np.int64]: ...


def decided_by(table: Table) -> dict[str, Any]:
    """Settings of a model that its table decides, by name, beside frequency and covariates."""
    return {
        "future": table.future,
        "static": table.static,
        "calendar_zone": table.calendar_zone,
        "holidays": table.holidays,
    }
