"""The frequency of readings, found from the distances between their times."""

from __future__ import annotations

import numpy as np

from datasets.frequency import DAY, MONTH, Frequency
from datasets.readings import Readings
from datasets.source import Source

# Steps that people use, in seconds; jittered times are taken to mean the nearest of them.
_ROUND_STEPS = np.array(
    [1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800]
    + [3600 * hours for hours in (1, 2, 3, 4, 6, 8, 12, 24, 168)]
)


def infer_frequency(source: Source, readings: Readings, has_calendar: bool, snap: bool = False) -> Frequency:
    """The most common difference of times over all series; months, quarters and years by the calendar.

    With `snap` the times may be jittered: if no difference is common, the usual step nearest to the median.
    DataError if no series has two rows.
    """
    rises = np.diff(readings.times)
    rises = np.delete(rises, readings.bounds[1:-1] - 1)
    if not len(rises):
        raise source.error(
            "expected a series with two readings to infer the frequency from, got one each: "
            "name it with --freq (30min, 1h, 1d)"
        )
    sizes, counts = np.unique(rises, return_counts=True)
    size = int(sizes[counts.argmax()])  # the shortest of several that are as common
    jittered = snap and 2 * counts.max() <= len(rises)
    if jittered:
        size = int(np.median(rises))
    try:
        if not has_calendar:
            return Frequency("count", size)
        return _monthly(readings, size, snap) or Frequency("second", _round(size) if jittered else size)
    except ValueError as error:
        raise source.error(f"{error}: name the frequency with --freq") from None


def _monthly(readings: Readings, size: int, snap: bool) -> Frequency | None:
    """The monthly frequency that explains the times at least as well as steps of `size` seconds, if any."""
    months = round(size / MONTH)
    if not months or abs(size - months * MONTH) > 3 * DAY:
        return None
    monthly = Frequency("month", months)
    by_days = _fitting(Frequency("second", size), readings)
    by_months = len(readings.times) / 2 if snap else _fitting(monthly, readings)
    return monthly if by_months >= by_days else None


def _fitting(frequency: Frequency, readings: Readings) -> int:
    starts = np.repeat(readings.times[readings.bounds[:-1]], readings.lengths)
    return int(frequency.steps(starts, readings.times)[1].sum())


def _round(size: int) -> int:
    nearest = int(_ROUND_STEPS[np.abs(_ROUND_STEPS - size).argmin()])
    return nearest if abs(nearest - size) <= size / 5 else size
