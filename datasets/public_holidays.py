"""Holidays by name: a country's, or one of its subdivisions', or the days that a file lists."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from datasets.frequency import DAY, Frequency
from datasets.holidays import Holidays, is_day, number
from datasets.table import DataError

YEARS_ON = 15  # after the last reading
_HOW = "write a country such as DE, one of its subdivisions such as US-NY, or a file of dates such as days.csv"
_SHOWN = 12


def find_holidays(named: str, first: int, last: int) -> Holidays:
    """The holidays of one source or of several, joined by commas, for readings from `first` to `last` (seconds).

    All are those from the year before the first reading to 15 years after the last one, public ones as the package
    `holidays` knows them; a file's are known until the last of its dates. DataError for what is not known.
    """
    names = tuple(part.strip() for part in named.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise DataError(f"--holidays: expected one name or several, each once, joined by commas, got {named!r}: {_HOW}")
    years = max(1, _year(first) - 1), min(9999, _year(last) + YEARS_ON)
    found = [(_listed(Path(name), *years) if _is_file(name) else _public(name, *years)) for name in names]
    return Holidays(
        tuple(Path(name).name if _is_file(name) else name for name in names),
        tuple(days for days, _ in found),
        min(until for _, until in found),
    )


def require_days(frequency: Frequency) -> None:
    """DataError where steps have no day of their own."""
    if not frequency.has_days:
        raise DataError(
            f"--holidays: expected steps of a day or shorter, got {frequency.alias}: leave it out, or give the share "
            "of holidays in each step as a covariate that is known ahead (--future)"
        )


def odd(holidays: Holidays, first: int, last: int) -> tuple[str, ...]:
    """What is odd about these holidays for readings from `first` to `last`, to be told."""
    begin, end = first // DAY, last // DAY
    said = [
        f"--holidays: no day of {name} lies in the data: nothing can be learned of them"
        for name, days in zip(holidays.names, holidays.days(), strict=True)
        if not any(begin <= day <= end for day in days)
    ]
    if number(holidays.until) < end:
        said.append(f"--holidays: known until {holidays.until}, and the data go on: later days are taken for ordinary")
    return tuple(said)


def _is_file(name: str) -> bool:
    return name.lower().endswith(".csv")


def _year(seconds: int) -> int:
    return datetime.fromtimestamp(seconds, UTC).year


def _public(name: str, first: int, last: int) -> tuple[tuple[str, ...], str]:
    try:
        from holidays import country_holidays, list_supported_countries
    except ImportError:
        raise DataError(
            f"--holidays {name}: this needs the package holidays, which is not installed: pip install holidays, or "
            "give a file of dates such as days.csv"
        ) from None
    country, _, subdivision = name.partition("-")
    known: dict[str, list[str]] = list_supported_countries()
    if country not in known:
        raise DataError(f"--holidays: no public holidays of {country!r} are known: {_HOW}")
    if (subdivision or "-" in name) and subdivision not in known[country]:
        raise DataError(
            f"--holidays: {country} has no subdivision {subdivision!r} here: expected {_some(known[country])}"
        )
    end = min(last, country_holidays(country).end_year)
    calendar = country_holidays(country, subdiv=subdivision or None, years=range(first, end + 1))
    until = f"{end:04}-12-31"
    return tuple(sorted(day.isoformat() for day in calendar if day.isoformat() <= until)), until


def _some(names: Sequence[str]) -> str:
    more = f" or one of {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none: name the country alone") + more


def _listed(path: Path, first: int, last: int) -> tuple[tuple[str, ...], str]:
    """The first column of a CSV file, whatever the others say; a first line without a digit names the columns."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            cells = [(line, row[0].strip()) for line, row in enumerate(csv.reader(file), 1) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        said = getattr(fault, "strerror", None) or fault
        raise DataError(f"--holidays: {path} cannot be read ({said}): give a CSV file of dates") from None
    days = set()
    for place, (line, cell) in enumerate(cells):
        if place == 0 and not any(letter.isdigit() for letter in cell):
            continue
        if not is_day(cell):
            raise DataError(
                f"--holidays: {path}, line {line}: expected a date such as 2015-12-25 in the first column, got {cell!r}"
            )
        days.add(cell)
    if not days:
        raise DataError(f"--holidays: {path} lists no date: write one such as 2015-12-25 in each line")
    # Models hold a row for each day from the first to the last: a date of another century would make a table of it.
    near = sorted(day for day in days if first <= int(day[:4]) <= last)
    return tuple(near), min(max(days), f"{last:04}-12-31")
