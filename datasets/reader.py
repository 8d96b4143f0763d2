"""Reads a CSV or Parquet file into a table of series on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.clock import Clock, read_clock
from datasets.columns import Roles, choose_columns
from datasets.frequency import DAY, Frequency
from datasets.grid import fill, place
from datasets.holidays import Holidays
from datasets.inference import infer_frequency
from datasets.moments import read_moments
from datasets.public_holidays import find_holidays, odd, require_days
from datasets.readings import Readings, by_series, read_numbers
from datasets.source import Source, open_source, shown
from datasets.static import take_static
from datasets.table import Series, SeriesTable

_SHOWN = 3


def read_table(
    path: str | Path,
    *,
    id_column: str | None = None,
    time_column: str | None = None,
    target_column: str | None = None,
    covariates: Sequence[str] | None = None,
    future: Sequence[str] = (),
    static: Sequence[str] = (),
    frequency: str | Frequency | None = None,
    snap: bool = False,
    zone: str | None = None,
    holidays: str | None = None,
) -> SeriesTable:
    """The series of a CSV (also gzipped) or Parquet file in long format: unique_id, ds, y and covariates.

    Columns with other names are named here, or found where only one fits. `future` are covariates that are known ahead,
    `static` columns that are constant for a series. Steps that were not read and empty cells are NaN. Times off the
    grid are an error, unless `snap` moves them to the nearest step. With a `zone` the grid is one of UTC: times with an
    offset are converted, times without are those of that zone's clock. `holidays` are days to look up by
    name: DE, US-NY, days.csv (`datasets.public_holidays`). DataError says what is wrong, where, what to do.
    """
    source = open_source(Path(path))
    roles = choose_columns(source, id_column, time_column, target_column, covariates, static)
    known = _known_ahead(source, roles, future)
    clock = read_clock(source, roles.time) if zone is None else read_moments(source, roles, zone)
    values = read_numbers(source, (roles.target, *roles.covariates, *roles.static))  # (rows, 1 + covariates + static)
    readings = by_series(source, roles.series, clock, values, roles.tenant)
    _check_targets(source, readings, roles.target)
    step = _frequency(source, readings, clock, frequency, snap)
    if zone is not None:
        _check_days(source, readings, step, zone)
    places = place(source, readings, step, snap)
    series = take_static(source, readings, fill(source, readings, step, places), roles.static)
    days, strange = (None, ()) if holidays is None else _holidays(holidays, step, series)
    warnings = (
        *clock.warnings,
        *places.warnings,
        *_constant(source, readings, roles.target),
        *_empty(source, values, roles),
        *_sparse(source, series, readings),
        *strange,
    )
    return SeriesTable(
        str(path), step, clock.zone, roles.target, roles.covariates, series, warnings, known, roles.static, zone, days
    )


def _known_ahead(source: Source, roles: Roles, future: Sequence[str]) -> tuple[str, ...]:
    for at, name in enumerate(future):
        if name in future[:at]:
            raise source.error(f"the column {shown(name)} is named twice, by --future: name it once")
        if name not in roles.covariates:
            raise source.error(
                f"--future: expected covariates, which are {_some(roles.covariates) or 'none'}, got {shown(name)}: "
                "name columns of numbers that are read with the target and known ahead of it"
            )
    return tuple(name for name in roles.covariates if name in future)


def _check_days(source: Source, readings: Readings, step: Frequency, zone: str) -> None:
    """DataError for days whose beginnings a grid of UTC cannot hold: moved there, some would be the day before."""
    if step.unit == "second" and step.size < DAY:
        return
    starts = np.repeat(readings.times[readings.bounds[:-1]], readings.lengths)
    if not step.steps(starts, readings.times)[1].all():
        raise source.error(
            f"expected steps shorter than a day with --zone, got {step.alias}: the midnights of {zone} lie on no grid "
            "of UTC. Leave --zone out, since dates need no clock, or choose a shorter step with --freq"
        )


def _holidays(named: str, step: Frequency, series: Sequence[Series]) -> tuple[Holidays, tuple[str, ...]]:
    """The days of that name for the time that the series span, and what is odd about them."""
    require_days(step)
    first, last = min(one.start for one in series), max(one.start + step.size * (len(one) - 1) for one in series)
    days = find_holidays(named, first, last)
    return days, odd(days, first, last)


def _frequency(
    source: Source, readings: Readings, clock: Clock, given: str | Frequency | None, snap: bool
) -> Frequency:
    if given is None:
        return infer_frequency(source, readings, clock.has_calendar, snap)
    try:
        frequency = Frequency.parse(given) if isinstance(given, str) else given
    except ValueError as error:
        raise source.error(f"--freq: {error}") from None
    if frequency.has_calendar != clock.has_calendar:
        times, right = ("dates", "30min or 1d") if clock.has_calendar else ("integers", "1")
        raise source.error(
            f"expected a frequency for times that are {times}, got {frequency.alias}: "
            f"write one such as {right} with --freq, or leave it out"
        )
    return frequency


def _check_targets(source: Source, readings: Readings, target: str) -> None:
    read = np.add.reduceat(np.isfinite(readings.values[:, 0]), readings.bounds[:-1], dtype=np.int64)
    if not read.all():
        series = int(read.argmin())
        raise source.error(
            f"expected numbers in the column {shown(target)}, got only empty cells: "
            "fill them, delete the series, or name another column with --target",
            row=int(readings.rows[readings.bounds[series]]),
            series=readings.ids[series],
        )


def _constant(source: Source, readings: Readings, target: str) -> tuple[str, ...]:
    starts = readings.bounds[:-1]
    lowest = np.fmin.reduceat(readings.values[:, 0], starts)
    constant = np.flatnonzero(lowest == np.fmax.reduceat(readings.values[:, 0], starts))
    if not len(constant):
        return ()
    return (
        f"{source.path}, series {_some([readings.ids[series] for series in constant])}: the target "
        f"{shown(target)} is constant (always {lowest[constant[0]]:g} in the first): there is nothing to learn; "
        "check the column, or leave such series out",
    )


def _empty(source: Source, values: NDArray[np.float64], roles: Roles) -> tuple[str, ...]:
    names = (roles.target, *roles.covariates, *roles.static)
    empty = {name for at, name in enumerate(names) if np.isnan(values[:, at]).all()}
    kinds = (("covariate", roles.covariates), ("static feature", roles.static))
    found = [(kind, [name for name in those if name in empty]) for kind, those in kinds]
    return tuple(
        f"{source.path}: the {kind} {_some(those)} has no value at all: leave it out" for kind, those in found if those
    )


def _sparse(source: Source, series: Sequence[Series], readings: Readings) -> tuple[str, ...]:
    sparse = [one.unique_id for one, rows in zip(series, readings.lengths, strict=True) if len(one) > 2 * int(rows)]
    return (
        (
            f"{source.path}, series {_some(sparse)}: more than half of the steps are missing: "
            "check the frequency, or choose a longer step with --freq",
        )
        if sparse
        else ()
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown(name) for name in names[:_SHOWN]) + more
