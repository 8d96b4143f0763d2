"""All readings of a file sorted by series: the numbers of each row, and times that must rise within a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.clock import Clock
from datasets.frequency import Frequency, format_time
from datasets.source import Source, shown

_LARGEST = 1e15  # beyond this float64 cannot hold the decimals, and sums of squares leave float32


@dataclass(frozen=True, eq=False)
class Readings:
    """Rows sorted by series; series i has the rows bounds[i] to bounds[i + 1], its times rising.

    `times` (rows,) and `values` (rows, 1 + covariates) are in step; `rows` are their positions in the source.
    """

    ids: tuple[str, ...]
    bounds: NDArray[np.int64]  # (series + 1,)
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    rows: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The rows of each series."""
        return np.diff(self.bounds)

    def series_of(self, row: int) -> int:
        """The series to which a row belongs."""
        return int(np.searchsorted(self.bounds, row, side="right")) - 1


def read_numbers(source: Source, names: Sequence[str]) -> NDArray[np.float64]:
    """The columns as float64 (rows, columns), empty cells and NaN as NaN; DataError for text and infinities."""
    numbers = np.empty((source.frame.height, len(names)), order="F")
    for place, name in enumerate(names):
        numbers[:, place] = _column(source, name)
    return np.ascontiguousarray(numbers)


def by_series(
    source: Source, name: str | None, clock: Clock, values: NDArray[np.float64], tenant: str | None = None
) -> Readings:
    """Sorts the rows by series, in the order in which the series first appear; DataError if times do not rise.

    Rows of different series may be mixed; without a column of series the file is one series, named after it. Where a
    column says whose they are, a series is called TENANT/NAME.
    """
    rows = np.arange(len(clock.times))
    if name is None:
        ids: tuple[str, ...] = (source.path.name.split(".")[0] or source.path.name,)
        bounds = np.array([0, len(rows)])
    else:
        column = _series_names(source, name)
        if tenant is not None:
            column = _series_names(source, tenant) + "/" + column
        numbered = pl.DataFrame({"series": column, "row": rows})
        first = numbered.select(pl.col("row").first().over("series")).to_series().to_numpy()
        if (np.diff(first) < 0).any():
            rows = np.argsort(first, kind="stable")
            first = first[rows]
        starts = np.flatnonzero(np.diff(first, prepend=-1))
        ids = tuple(column.gather(first[starts]).to_list())
        bounds = np.append(starts, len(rows))
    readings = Readings(ids, bounds.astype(np.int64), clock.times[rows], values[rows], rows)
    _check_order(source, readings, clock, name)
    return readings


def _column(source: Source, name: str) -> NDArray[np.float64]:
    column = source.frame[name]
    if column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.null_count() > column.null_count():
            column = column.str.strip_chars().replace("", None)
            numbers = column.cast(pl.Float64, strict=False)
    elif column.dtype.is_numeric() or column.dtype == pl.Null:
        numbers = column.cast(pl.Float64)
    else:
        raise source.error(
            f"expected numbers in the column {shown(name)}, got the type {column.dtype}: convert it to numbers "
            "(true and false to 1 and 0)"
        )
    if numbers.null_count() > column.null_count():
        row = int((numbers.is_null() & column.is_not_null()).arg_max() or 0)
        text = source.frame[name][row]
        raise source.error(
            f"expected a number in the column {shown(name)}, got {shown(text)}: "
            + ("write decimals with a point" if "," in text else "correct it, or leave it empty if it is missing"),
            row,
        )
    values = numbers.to_numpy()
    with np.errstate(invalid="ignore"):
        bad = np.abs(values) > _LARGEST
    if bad.any():
        row = int(bad.argmax())
        kind = "an infinity" if np.isinf(values[row]) else "an absurdly large number"
        raise source.error(
            f"expected a number of at most {_LARGEST:.0e} in the column {shown(name)}, got {kind} "
            f"({shown(source.frame[name][row])}): correct it, or leave it empty if it is missing",
            row,
        )
    return values


def _series_names(source: Source, name: str) -> pl.Series:
    column = source.frame[name]
    if not (column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise source.error(
            f"expected names of series in the column {shown(name)}, got the type {column.dtype}: "
            "convert it to text or integers, or name another column with --id"
        )
    column = column.cast(pl.String)
    missing = column.is_null() | (column.str.len_bytes() == 0)
    if missing.any():
        row = int(missing.arg_max() or 0)
        raise source.error(
            f"expected the name of a series in the column {shown(name)}, got an empty cell: "
            "complete it or delete the line",
            row,
        )
    return column


def _check_order(source: Source, readings: Readings, clock: Clock, name: str | None) -> None:
    rises = np.diff(readings.times)
    bad = rises <= 0
    bad[readings.bounds[1:-1] - 1] = False  # from one series to the next
    if not bad.any():
        return
    offenders = np.flatnonzero(bad)
    row = int(offenders[np.argmin(readings.rows[offenders + 1])])  # the first one in the file
    before = source.places(readings.rows[row : row + 1])[0]
    calendar = Frequency("second" if clock.has_calendar else "count", 1)
    earlier, later = (format_time(int(time), calendar) for time in readings.times[row : row + 2])
    got = f"{later} again" if rises[row] == 0 else f"{later} after {earlier}"
    if clock.zone is not None:
        remedy = f"write the times in UTC if the clocks of {clock.zone} went back, else sort and delete doubles"
    elif rises[row] == 0:
        remedy = "delete one of the two"
    else:
        remedy = "sort the lines of each series by time"
    if name is None:
        remedy += ", or say with --id which column names the series if there are several"
    kind = "a duplicate time" if rises[row] == 0 else "unsorted times"
    raise source.error(
        f"expected times that rise, got {kind}: {got} ({before}): {remedy}",
        row=int(readings.rows[row + 1]),
        series=readings.ids[readings.series_of(row)],
    )
