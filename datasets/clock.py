"""The column of times: dates in ISO 8601, or plain integers, as whole numbers of one wall clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.source import Source, shown
from datasets.table import DataError

_LARGEST_COUNT = 10**15
_SUSPICIOUS_COUNT = 10**7  # larger integers look like 20150110 or seconds since 1970
_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
)
_CLOCK = r"(\d:\d\d(?::\d\d(?:\.\d+)?)?)"
_OFFSET = r"( ?(?:[Zz]|[+-](?:0\d|1[0-4])(?::?\d\d)?))$"
_YEARS = (-30_610_224_000, 253_402_300_800)  # seconds from 1970 to the years 1000 and 10000
_EXPECTED = "a time such as 2015-01-10T00:30:00, or an integer,"
_MEND = "complete it or delete the line"
_SAMPLE = 100


@dataclass(frozen=True, eq=False)
class Clock:
    """The times of all rows: seconds of the wall clock of `zone` since 1970, or counts without a calendar."""

    times: NDArray[np.int64]
    zone: str | None
    has_calendar: bool
    warnings: tuple[str, ...] = ()


def read_clock(source: Source, name: str) -> Clock:
    """The column `name` as times; DataError where a cell is missing or no time, or where zones are mixed."""
    column = source.frame[name]
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise source.error(f"expected {_EXPECTED} in the column {shown(name)}, got an empty cell: {_MEND}", row)
    if column.dtype.is_integer():
        return _counts(source, name, column.cast(pl.Int64, strict=False))
    if column.dtype == pl.String:
        if re.fullmatch(r"\s*[+-]?\d+\s*", column[0]):
            return _counts(source, name, column.str.strip_chars().cast(pl.Int64, strict=False))
        return _dates(source, name, *_parsed(source, name, column))
    if column.dtype == pl.Date:
        return _dates(source, name, column.cast(pl.Datetime("us")), None)
    if isinstance(column.dtype, pl.Datetime):
        return _dates(source, name, column.dt.replace_time_zone(None), column.dtype.time_zone)
    raise source.error(
        f"expected dates or integers in the column {shown(name)}, got the type {column.dtype}: "
        "convert it, or name another column with --time"
    )


def read_offset_times(column: pl.Series) -> pl.Series | None:
    """Text of which every cell has an offset from UTC, be they of several, as times of UTC; else None."""
    if column.dtype != pl.String or column.null_count() or re.search(_CLOCK + _OFFSET, column[0].strip()) is None:
        return None
    plain = _plain(column)
    offsets = plain.str.extract(_CLOCK + _OFFSET, 2)
    times = _read(plain.str.replace(_CLOCK + _OFFSET, "$1"))
    if offsets.null_count() or times.null_count():
        return None
    east = {spelling: _east(spelling) for spelling in offsets.unique()}
    return times - offsets.replace_strict(east, return_dtype=pl.Int64).cast(pl.Duration("us"))


def looks_temporal(column: pl.Series) -> bool:
    """Whether at least half of the first cells are dates (integers are not)."""
    if column.dtype != pl.String:
        return column.dtype == pl.Date or column.dtype == pl.Datetime
    sample = column.drop_nulls().head(_SAMPLE)
    dates = _read(_plain(sample).str.replace(_CLOCK + _OFFSET, "$1"))
    return len(sample) > 0 and 2 * (len(sample) - dates.null_count()) >= len(sample)


def _counts(source: Source, name: str, counts: pl.Series) -> Clock:
    bad = counts.is_null() | (counts.abs() > _LARGEST_COUNT)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise source.error(
            f"expected an integer of at most 15 digits as in the first row of the column {shown(name)}, got "
            f"{shown(source.frame[name][row])}: write all times as integers or all as dates",
            row,
        )
    times = counts.to_numpy().astype(np.int64)
    warnings: tuple[str, ...] = ()
    if times.min() >= _SUSPICIOUS_COUNT:
        warnings = (
            f"{source.path}: the times in {shown(name)} are integers such as {times[0]} and count as plain "
            "numbers without a calendar: if they are dates, write them as 2015-01-10T00:30:00",
        )
    return Clock(times, None, False, warnings)


def _dates(source: Source, name: str, dates: pl.Series, zone: str | None) -> Clock:
    micros = dates.dt.cast_time_unit("us").to_physical().to_numpy()
    times, rest = np.divmod(micros, 1_000_000)
    for bad, expected, remedy in (
        ((times < _YEARS[0]) | (times >= _YEARS[1]), "a year from 1000 to 9999", "correct it"),
        (rest != 0, "whole seconds", "round the times to the grid on which they were read"),
    ):
        if bad.any():
            row = int(bad.argmax())
            got = shown(str(source.frame[name][row]))
            raise source.error(f"expected {expected} in the column {shown(name)}, got {got}: {remedy}", row)
    return Clock(times.astype(np.int64), "UTC" if zone == "Etc/UTC" else zone, True)


def _parsed(source: Source, name: str, column: pl.Series) -> tuple[pl.Series, str | None]:
    """Text as dates of one wall clock, and its zone."""
    # The usual case: all cells are written like the first one, and one pass reads them.
    offset = re.search(_CLOCK + _OFFSET, column[0])
    suffix = offset[2] if offset is not None else ""
    for form in _FORMATS:
        if _as(column.head(1), form + suffix).null_count() == 0:
            dates = _as(column, form + suffix)
            if dates.null_count() == 0:
                return dates, _zone(suffix)
    plain = _plain(column)
    offsets = plain.str.extract(_CLOCK + _OFFSET, 2)
    dates = _read(plain.str.replace(_CLOCK + _OFFSET, "$1"))
    if dates.null_count():
        row = int(dates.is_null().arg_max() or 0)
        raise source.error(f"expected {_EXPECTED} in the column {shown(name)}, got {shown(column[row])}: {_MEND}", row)
    zones = {spelling: _zone(spelling or "") for spelling in offsets.unique()}
    if len(set(zones.values())) > 1:
        other = [spelling for spelling, zone in zones.items() if zone != zones[offsets[0]]]
        row = int(offsets.is_in(other, nulls_equal=True).arg_max() or 0)
        raise _mixed(source, name, (zones[offsets[0]], zones[offsets[row]]), row)
    return dates, zones[offsets[0]]


def _zone(offset: str) -> str | None:
    """The name of an offset as it is written: Z, +02, +0200 or +02:00."""
    digits = offset.strip().upper().replace(":", "")
    if not digits:
        return None
    return "UTC" if digits.strip("Z+-0") == "" else f"{digits[:3]}:{digits[3:] or '00'}"


def _east(offset: str) -> int:
    """Microseconds east of UTC of an offset as it is written."""
    digits = offset.strip().upper().replace(":", "")
    if digits == "Z":
        return 0
    minutes = 60 * int(digits[1:3]) + int(digits[3:] or 0)
    return (-1 if digits[0] == "-" else 1) * minutes * 60_000_000


def _mixed(source: Source, name: str, zones: tuple[str | None, str | None], row: int) -> DataError:
    said = [zone or "no zone" for zone in zones]
    mend = "write all times with one offset (UTC, for instance) or all without"
    if None not in zones:
        mend = f"where they follow a clock with summer time, name it (--zone Europe/Berlin, for instance); else {mend}"
    first, second = source.places([0, row])
    return source.error(
        f"expected all times in the column {shown(name)} in one zone, got mixed time zones: {said[0]} on {first} "
        f"({shown(source.frame[name][0])}), {said[1]} on {second} ({shown(source.frame[name][row])}): {mend}"
    )


def _plain(text: pl.Series) -> pl.Series:
    """The accepted spellings in one: blanks around it, 2015/01/10, 2015-01 for a month, T or t for the space."""
    return (
        text.str.strip_chars()
        .str.replace(r"^(\d{4})/(\d\d?)/(\d\d?)", "${1}-${2}-${3}")
        .str.replace(r"^(\d{4}-\d\d)$", "${1}-01")
        .str.replace(r"^(\S{8,10})[Tt](\d)", "${1} ${2}")
    )


def _read(text: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce([_as(text, form) for form in _FORMATS])).to_series()


def _as(text: pl.Series, form: str) -> pl.Series:
    return text.str.to_datetime(form, strict=False, time_unit="us", cache=False)
