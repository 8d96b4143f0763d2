"""The common grid: where each reading lies on it, and NaN where none was read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.anchor import nearest_grid
from datasets.frequency import Frequency, format_time
from datasets.readings import Readings
from datasets.source import Source, shown
from datasets.table import DataError, Series

_SHOWN = 5
_FINEST = 60  # a grid finer than this is no useful advice
_FEW_ROWS = 1_000_000  # grids up to this size are filled whatever the holes
_LARGEST_GROWTH = 10


@dataclass(frozen=True, eq=False)
class Places:
    """Where the readings lie: the start of each series, and each row's step from it."""

    starts: NDArray[np.int64]  # (series,)
    steps: NDArray[np.int64]  # (rows,)
    warnings: tuple[str, ...] = ()


def place(source: Source, readings: Readings, frequency: Frequency, snap: bool = False) -> Places:
    """Puts each reading on its step; DataError shows the first times off the grid, unless `snap` moves them."""
    starts = readings.times[readings.bounds[:-1]]
    steps, fits = frequency.steps(np.repeat(starts, readings.lengths), readings.times)
    if fits.all():
        return Places(starts, steps)
    moved = np.zeros_like(steps)
    offenders = np.unique(np.searchsorted(readings.bounds, np.flatnonzero(~fits), side="right") - 1)
    for series in offenders:
        rows = slice(readings.bounds[series], readings.bounds[series + 1])
        times = readings.times[rows]
        starts[series], steps[rows] = nearest_grid(frequency, times)
        moved[rows] = times - frequency.times(starts[series], steps[rows])
    if snap:
        return Places(starts, steps, _check_snapped(source, readings, frequency, steps, moved))
    raise _off_grid(source, readings, frequency, moved)


def fill(source: Source, readings: Readings, frequency: Frequency, places: Places) -> tuple[Series, ...]:
    """The series on the grid, NaN on steps without a reading; DataError if holes would fill the memory."""
    last = places.steps[readings.bounds[1:] - 1]
    offsets = np.concatenate(([0], np.cumsum(last + 1)))
    if offsets[-1] > max(_FEW_ROWS, _LARGEST_GROWTH * len(readings.times)):
        raise _too_sparse(source, readings, frequency, places)
    values = np.full((int(offsets[-1]), readings.values.shape[1]), np.nan)
    values[np.repeat(offsets[:-1], readings.lengths) + places.steps] = readings.values
    return tuple(
        Series(unique_id, int(start), values[begin:end])
        for unique_id, start, begin, end in zip(readings.ids, places.starts, offsets[:-1], offsets[1:], strict=True)
    )


def _check_snapped(
    source: Source,
    readings: Readings,
    frequency: Frequency,
    steps: NDArray[np.int64],
    moved: NDArray[np.int64],
) -> tuple[str, ...]:
    same = np.diff(steps) == 0
    same[readings.bounds[1:-1] - 1] = False
    if same.any():
        row = int(same.argmax())
        before, after = source.places(readings.rows[row : row + 2])
        times = [format_time(int(time), frequency) for time in readings.times[row : row + 2]]
        raise source.error(
            f"expected one reading per step of {frequency.alias}, got two that --snap moves to the same step: "
            f"{times[0]} ({before}) and {times[1]} ({after}): delete one, or choose a shorter step with --freq",
            series=readings.ids[readings.series_of(row)],
        )
    return (
        f"{source.path}: {(moved != 0).sum()} of {len(moved)} times were moved to the grid of "
        f"{frequency.alias}, by at most {np.abs(moved).max()} {'seconds' if frequency.has_calendar else 'counts'}",
    )


def _off_grid(source: Source, readings: Readings, frequency: Frequency, moved: NDArray[np.int64]) -> DataError:
    rows = np.flatnonzero(moved)
    rows = rows[np.argsort(readings.rows[rows])]
    first = rows[:_SHOWN]
    listed = [
        f"{format_time(int(readings.times[row]), frequency)} of series {shown(readings.ids[readings.series_of(row)])} "
        f"on {place}"
        for row, place in zip(first, source.places(readings.rows[first]), strict=True)
    ]
    more = f" and {len(rows) - len(first)} more" if len(rows) > len(first) else ""
    finer = _finer(readings, frequency)
    hold = f"a grid of {finer.alias} holds them all (--freq {finer.alias}); else " if finer is not None else ""
    return source.error(
        f"expected times on a grid of {frequency.alias}, got {len(rows)} of {len(moved)} off it: "
        f"{'; '.join(listed)}{more}: {hold}--snap moves them to the nearest step, --freq names another grid"
    )


def _finer(readings: Readings, frequency: Frequency) -> Frequency | None:
    """A grid that holds all times, if there is one that is not absurdly fine."""
    if frequency.unit == "month":
        return None
    starts = np.repeat(readings.times[readings.bounds[:-1]], readings.lengths)
    size = int(np.gcd.reduce(readings.times - starts))
    return Frequency(frequency.unit, size) if size < frequency.size <= _FINEST * size else None


def _too_sparse(source: Source, readings: Readings, frequency: Frequency, places: Places) -> DataError:
    leaps = np.diff(places.steps)
    leaps[readings.bounds[1:-1] - 1] = 0
    row = int(leaps.argmax())
    before, after = source.places(readings.rows[row : row + 2])
    times = [format_time(int(time), frequency) for time in readings.times[row : row + 2]]
    total = int((places.steps[readings.bounds[1:] - 1] + 1).sum())
    return source.error(
        f"expected a grid with few holes, got one of {total:,} steps of {frequency.alias} for "
        f"{len(readings.times):,} readings; the largest hole is from {times[0]} ({before}) to {times[1]} ({after}): "
        "choose a longer step with --freq, or give the parts series names of their own",
        series=readings.ids[readings.series_of(row)],
    )
