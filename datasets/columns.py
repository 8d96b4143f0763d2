"""Which column plays which part: series, time, target or covariate, by name or because nothing else fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from datasets.clock import looks_temporal
from datasets.source import Source, shown

_SERIES = ("unique_id",)
_TENANT = "tenant"  # whose series it is, where the column holds text
_TIMES = ("ds", "timestamp", "date", "time", "datetime")
_TARGETS = ("y", "value", "target")
_SAMPLE = 100
_LISTED = 20


@dataclass(frozen=True)
class Roles:
    """The columns by their part; `series` is None where the file holds one series and no column says which.

    Where there is a `tenant`, series of one name that are different tenants' are different ones.
    """

    series: str | None
    time: str
    target: str
    covariates: tuple[str, ...]
    static: tuple[str, ...] = ()
    tenant: str | None = None


def choose_columns(
    source: Source,
    series: str | None = None,
    time: str | None = None,
    target: str | None = None,
    covariates: Sequence[str] | None = None,
    static: Sequence[str] = (),
) -> Roles:
    """The parts of the columns: as named, else by the usual names, else the only column that fits.

    Covariates are all columns that are left, or exactly those named. DataError where a column does not exist,
    two would fit, none fits, or one that is left over holds text.
    """
    named = [("--id", series), ("--time", time), ("--target", target)]
    named += [("--covariates", name) for name in covariates or ()]
    named += [("--static", name) for name in static]
    _check_named(source, named)
    columns = source.frame.columns

    def free(*taken: str | None) -> list[str]:
        return [name for name in columns if name not in {*taken, *(name for _, name in named)}]

    if series is None:
        series = next((name for name in free() if name.lower() in _SERIES), None)
    tenant = _TENANT if series is not None and _TENANT in free(series) and _is_text(source, _TENANT) else None
    if time is None:
        time = _time(source, free(series, tenant))
    if target is None:
        target = _target(source, free(series, tenant, time))
    if covariates is None:
        covariates = free(series, tenant, time, target)
        for name in covariates:
            _check_covariate(source, name)
    return Roles(series, time, target, tuple(covariates), tuple(static), tenant)


def _check_named(source: Source, named: Iterable[tuple[str, str | None]]) -> None:
    flags: dict[str, str] = {}
    for flag, name in named:
        if name is None:
            continue
        if name not in source.frame.columns:
            raise source.error(
                f"there is no column {shown(name)} (given with {flag}), the columns are "
                f"{_list(source.frame.columns)}: name one of them"
            )
        if name in flags:
            both = flag if flags[name] == flag else f"{flags[name]} and {flag}"
            raise source.error(f"the column {shown(name)} is named twice, by {both}: name it once")
        flags[name] = flag


def _time(source: Source, names: list[str]) -> str:
    usual = _usual(names, _TIMES)
    fitting = usual or [name for name in names if looks_temporal(source.frame[name])]
    if len(fitting) == 1:
        return _checked(source, fitting[0])
    if fitting:
        raise source.error(f"the column of times is not clear, it may be {_list(fitting)}: say which with --time NAME")
    raise source.error(
        f"expected a column of times ({', '.join(_TIMES)} or the only one that holds dates), got the columns "
        f"{_list(source.frame.columns)}: say which with --time NAME"
    )


def _target(source: Source, names: list[str]) -> str:
    usual = _usual(names, _TARGETS)
    fitting = usual or [name for name in names if _looks_numeric(source.frame[name])]
    if len(fitting) == 1:
        return _checked(source, fitting[0])
    if fitting:
        raise source.error(
            f"the column to forecast is not clear, it may be {_list(fitting)}: say which with --target NAME"
        )
    raise source.error(
        f"expected a column to forecast ({', '.join(_TARGETS)} or the only one that holds numbers), got the "
        f"columns {_list(source.frame.columns)}: say which with --target NAME"
    )


def _usual(names: list[str], usual: tuple[str, ...]) -> list[str]:
    """The columns with a usual name; the first of the usual names (ds, y) beats all others."""
    found = [name for name in names if name.lower() in usual]
    return [name for name in found if name == usual[0]] or found


def _looks_numeric(column: pl.Series) -> bool:
    """Whether at least half of the first cells are numbers; one bad cell is then an error with its line."""
    if column.dtype != pl.String:
        return column.dtype.is_numeric()
    sample = column.drop_nulls().head(_SAMPLE)
    numbers = sample.str.strip_chars().cast(pl.Float64, strict=False)
    return 2 * (len(sample) - numbers.null_count()) >= max(len(sample), 1)


def _is_text(source: Source, name: str) -> bool:
    """Whether a column holds words; of a Parquet file it says so itself."""
    column = source.frame[name]
    return column.dtype == pl.String and (source.separator is None or not _looks_numeric(column))


def _check_covariate(source: Source, name: str) -> None:
    column = source.frame[name]
    if column.null_count() == len(column) or _looks_numeric(column):
        return
    row = int(column.is_not_null().arg_max() or 0)
    raise source.error(
        f"the column {shown(name)} was expected to be a covariate and to hold numbers, got "
        f"{shown(column[row])}: if it names the series, say --id {name}; to leave it out, name the covariates "
        "to keep with --covariates",
        row=row,
    )


def _checked(source: Source, name: str) -> str:
    """The name, unless it is itself a reading: then the header is missing, and a reading would be lost."""
    if looks_temporal(pl.Series([name])) or pl.Series([name]).cast(pl.Float64, strict=False).null_count() == 0:
        raise source.error(
            f"expected names of columns in the first line, got the reading {shown(name)}: add a header line such "
            "as ds,y, or name such columns with --time and --target"
        )
    return name


def _list(names: Iterable[str]) -> str:
    listed = [shown(name) for name in names]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more
