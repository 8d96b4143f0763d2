"""Features that are constant for a series: columns of the same table that must not change within one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasets.readings import Readings
from datasets.source import Source, shown
from datasets.table import Series


def take_static(
    source: Source, readings: Readings, series: Sequence[Series], names: Sequence[str]
) -> tuple[Series, ...]:
    """The series with their last columns, `names`, as static features; NaN where a series has no value at all.

    DataError where a series has two values.
    """
    if not names:
        return tuple(series)
    found = []
    for number, one in enumerate(series):
        rows = slice(readings.bounds[number], readings.bounds[number + 1])
        values = readings.values[rows, -len(names) :]  # (rows, static)
        known = ~np.isnan(values)
        first = known.argmax(0)
        static = values[first, np.arange(len(names))]
        changed = known & (values != static)
        if changed.any():
            row, column = (int(each) for each in np.argwhere(changed)[0])
            raise source.error(
                f"expected one value of the static feature {shown(names[column])} in a series, got "
                f"{static[column]:g} and later {values[row, column]:g}: without --static it is a covariate",
                row=int(readings.rows[readings.bounds[number] + row]),
                series=one.unique_id,
            )
        found.append(replace(one, values=np.ascontiguousarray(one.values[:, : -len(names)]), static=static))
    return tuple(found)
