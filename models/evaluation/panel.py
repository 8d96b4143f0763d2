"""Series as arrays, with marks where training and validation end: what training and backtests work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.config import ForecasterConfig
from models.table import Parts, Table


@dataclass(frozen=True, eq=False)
class Stretch:
    """A run of readings on the grid: values float64 (time, width), column 0 the target, NaN where missing.

    `static` are the features of its series, float64 (static,).
    """

    values: NDArray[np.float64]
    times: NDArray[np.int64]
    static: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return int(self.values.shape[0])


@dataclass(frozen=True, eq=False)
class Panel:
    """All series of a data set; series i is trained on up to `train_end[i]`, chosen by up to `validation_end[i]`.

    What lies beyond is held out: no weight and no choice has seen it.
    """

    series: tuple[Stretch, ...]
    train_end: tuple[int, ...]
    validation_end: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.series:
            raise ValueError("a panel needs at least one series")
        for stretch, train, validation in zip(self.series, self.train_end, self.validation_end, strict=True):
            if not 2 <= train <= validation <= len(stretch):
                raise ValueError(
                    f"the training end {train} and the validation end {validation} do not fit {len(stretch)} readings"
                )

    @classmethod
    def of(cls, table: Table, parts: Parts) -> Panel:
        """The series of a table with their times, marked where training and validation end."""
        stretches = tuple(
            Stretch(
                series.values,
                table.frequency.times(series.start, np.arange(len(series.values), dtype=np.int64)),
                series.static,
            )
            for series in table.series
        )
        return cls(stretches, tuple(parts.train_end.tolist()), tuple(parts.validation_end.tolist()))

    @property
    def width(self) -> int:
        """Values of one reading: the target and the covariates."""
        return int(self.series[0].values.shape[1])

    @property
    def span(self) -> float:
        """The longest time from the first to the last reading of a series' training part, in seconds or counts."""
        ends = zip(self.series, self.train_end, strict=True)
        return float(max(stretch.times[end - 1] - stretch.times[0] for stretch, end in ends))

    def before_test(self, horizon: int = 0, known: Sequence[int] = ()) -> Panel:
        """The same panel without the readings that are held out: whoever works on it cannot see them.

        Covariates that are known ahead, at the places `known` of a reading, stay for one horizon more.
        """
        hidden = [place for place in range(self.width) if place not in known]
        series = []
        for stretch, end in zip(self.series, self.validation_end, strict=True):
            last = min(len(stretch), end + (horizon if known else 0))
            values = stretch.values[:last].copy()
            values[end:, hidden] = np.nan
            series.append(Stretch(values, stretch.times[:last], stretch.static))
        return Panel(tuple(series), self.train_end, self.validation_end)


Part = tuple[Stretch, int, int]  # of a stretch: its first step, and the one behind its last


def known_of(
    parts: Sequence[Part], config: ForecasterConfig
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """What a model may know beside the readings of ragged rows; None where it uses none of it.

    The known covariates from the second step on, (rows, time + horizon - 1, known), and the static features of the
    series, (rows, static); NaN where unknown.
    """
    static = np.stack([stretch.static for stretch, _, _ in parts]) if config.static else None
    if not config.future:
        return None, static
    count = max(end - first for _, first, end in parts) + config.horizon - 1
    ahead = np.full((len(parts), count, len(config.future)), np.nan)
    for row, (stretch, first, _) in enumerate(parts):
        found = stretch.values[first + 1 : first + 1 + count, config.known]
        ahead[row, : len(found)] = found
    return ahead, static


def rows_of(
    stretches: Sequence[Part],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Parts (stretch, first, end) as ragged rows: values (rows, time, width), times (rows, time), lengths (rows,).

    Behind a row's end its values are NaN and its last time is repeated.
    """
    lengths = np.array([end - first for _, first, end in stretches], dtype=np.int64)
    width = stretches[0][0].values.shape[1]
    values = np.full((len(stretches), int(lengths.max()), width), np.nan)
    times = np.zeros(values.shape[:2], dtype=np.int64)
    for row, (stretch, first, end) in enumerate(stretches):
        values[row, : lengths[row]] = stretch.values[first:end]
        times[row, : lengths[row]] = stretch.times[first:end]
        times[row, lengths[row] :] = stretch.times[end - 1] if end > first else 0
    return values, times, lengths
