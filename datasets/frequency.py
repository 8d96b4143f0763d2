"""The grid on which readings lie: its step, its seasons, and times as numbers and as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]

MINUTE, HOUR, DAY, WEEK = 60, 3_600, 86_400, 604_800
MONTH = 2_629_746  # the mean month of the Gregorian calendar: 365.2425 days / 12
FIRST_SECOND = -62_135_596_800  # of the year 1: no earlier time can be written
LAST_SECOND = 253_402_300_799  # of the year 9999: no later time can be written

_LONGEST_SEASON = 2016  # a week of five-minute steps
_LARGEST_STEP = 10**12  # keeps start + steps far from the end of int64
_EPOCH = datetime(1970, 1, 1)
_ALLOWED = "write a number and a unit (10s, 30min, 1h, 1d, 1w, 1mo, 1q, 1y), or a number for integer times"
_UNITS: dict[str, tuple[Literal["second", "month", "count"], int]] = {
    "": ("count", 1),
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("second", 1)),
    **dict.fromkeys(("min", "t", "minute", "minutes"), ("second", MINUTE)),
    **dict.fromkeys(("h", "hour", "hours"), ("second", HOUR)),
    **dict.fromkeys(("d", "day", "days"), ("second", DAY)),
    **dict.fromkeys(("w", "week", "weeks"), ("second", WEEK)),
    **dict.fromkeys(("mo", "month", "months", "MS", "ME"), ("month", 1)),
    **dict.fromkeys(("q", "quarter", "quarters", "QS", "QE"), ("month", 3)),
    **dict.fromkeys(("y", "year", "years", "YS", "YE"), ("month", 12)),
}


@dataclass(frozen=True)
class Frequency:
    """The step of a grid: `size` seconds, civil months, or counts where time is a plain integer.

    A monthly grid keeps the day of its start (the last day of a shorter month if need be); a start on the
    last day of a month means month ends.
    """

    unit: Literal["second", "month", "count"]
    size: int

    def __post_init__(self) -> None:
        if self.unit not in ("second", "month", "count"):
            raise ValueError(f"a frequency counts 'second', 'month' or 'count', got {self.unit!r}")
        if not 1 <= self.size <= _LARGEST_STEP:
            raise ValueError(f"a frequency needs a whole step of 1 to {_LARGEST_STEP:,}, got {self.size}")

    @classmethod
    def parse(cls, text: str) -> Frequency:
        """The frequency written as "30min", "h", "1mo" or "1" (counts); ValueError names what is allowed."""
        match = re.fullmatch(r"([0-9]{0,12}) ?([A-Za-z]*)", text.strip())
        if match is None or not match[0]:
            raise ValueError(f"{text!r} is not a frequency: {_ALLOWED}")
        number, word = match[1], match[2]
        if word in ("m", "M"):
            raise ValueError(f"{text!r} may mean minutes or months: write {number}min or {number}mo")
        unit = _UNITS.get(word) or _UNITS.get(word.lower())
        if unit is None:
            raise ValueError(f"{text!r} is not a frequency: {_ALLOWED}")
        if number and int(number) == 0:
            raise ValueError(f"{text!r} is no step at all: {_ALLOWED}")
        return cls(unit[0], unit[1] * int(number or 1))

    @property
    def alias(self) -> str:
        """The canonical text: `Frequency.parse(f.alias) == f`."""
        if self.unit == "count":
            return str(self.size)
        if self.unit == "month":
            if self.size == 3:
                return "1q"
            return f"{self.size // 12}y" if self.size % 12 == 0 else f"{self.size}mo"
        for length, name in ((WEEK, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
            if self.size % length == 0:
                return f"{self.size // length}{name}"
        return f"{self.size}s"

    @property
    def has_calendar(self) -> bool:
        """Whether times are dates (False: plain counts)."""
        return self.unit != "count"

    @property
    def has_days(self) -> bool:
        """Whether each step lies in a day of its own."""
        return self.unit == "second" and self.size <= DAY

    @property
    def seconds(self) -> float:
        """The mean length of a step in seconds; for counts, in counts."""
        return float(self.size * (MONTH if self.unit == "month" else 1))

    def seasons(self) -> tuple[int, ...]:
        """The seasonal lags in steps, ascending: the two longest of minute, hour, day, week and year that are
        whole and between 2 and 2016 steps long; (1,) if there is none."""
        if self.unit == "count":
            return (1,)
        cycles = (12,) if self.unit == "month" else (MINUTE, HOUR, DAY, WEEK)
        if self.unit == "second" and self.size % WEEK == 0:
            cycles = (52 * WEEK,)  # a year only for whole weeks: for days it is not a whole number of steps
        lags = [cycle // self.size for cycle in cycles if cycle % self.size == 0]
        return tuple(lag for lag in lags if 2 <= lag <= _LONGEST_SEASON)[-2:] or (1,)

    def steps(self, start: int | Times, times: Times) -> tuple[Times, NDArray[np.bool_]]:
        """The step of each time, counted from `start` (rounded down), and whether it lies on the grid.

        `start` is one number or one per time; times are seconds of the wall clock (or counts).
        """
        times = np.asarray(times, dtype=np.int64)
        if self.unit != "month":
            steps, rest = np.divmod(times - start, self.size)
            return steps, rest == 0
        months = _month(times) - _month(np.asarray(start, dtype=np.int64))
        steps = np.floor_divide(months, self.size)
        grid = self.times(start, steps)
        return steps - (grid > times), grid == times

    def times(self, start: int | Times, steps: Times) -> Times:
        """The time of each step from `start`, the inverse of `steps`; months by the civil calendar."""
        steps = np.asarray(steps, dtype=np.int64)
        if self.unit != "month":
            return np.asarray(start + steps * self.size, dtype=np.int64)
        first = np.asarray(start, dtype=np.int64)
        month = _month(first)
        day, clock = np.divmod(first - _seconds(month), DAY)
        day = np.where(day == _last_day(month), 30, day)  # counted from 0; 30 means the last day of any month
        month = month + steps * self.size
        return np.asarray(_seconds(month) + np.minimum(day, _last_day(month)) * DAY + clock, dtype=np.int64)


def parse_time(text: str | int, zone: str | None) -> int:
    """Seconds of the wall clock since 1970 for ISO 8601 text; an integer is a plain count and stays as it is.

    Text with an offset is converted to the wall clock of `zone` (an IANA name, "UTC" or "+02:00"). ValueError
    says what is wrong with the text, or that there is no zone to convert to.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    if not isinstance(text, str) or text[4:8:3] != "--" or text[10:11] not in ("T", " ", ""):
        raise ValueError(f"a time such as 2015-01-10T00:30:00 was expected, got {_shown(text)}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"a time such as 2015-01-10T00:30:00 was expected, got {_shown(text)}"
        raise ValueError(message) from None
    if moment.tzinfo is not None:
        if zone is None:
            raise ValueError(
                f"this model's times carry no zone, got {_shown(text)}: send times without an offset, "
                "in the wall clock of the training data"
            )
        try:
            moment = moment.astimezone(_zone(zone)).replace(tzinfo=None)
        except OverflowError:
            raise ValueError(f"the time {_shown(text)} lies outside the years 1 to 9999") from None
    if moment.microsecond:
        raise ValueError(f"times are whole seconds, got {_shown(text)}: round it to the grid")
    since = moment - _EPOCH
    return since.days * DAY + since.seconds


def format_time(seconds: int, frequency: Frequency) -> str | int:
    """ISO 8601 text without a zone, or the plain count where the frequency has no calendar."""
    if not frequency.has_calendar:
        return int(seconds)
    try:
        return (_EPOCH + timedelta(seconds=int(seconds))).isoformat()
    except OverflowError:
        raise ValueError(f"the time {seconds} s since 1970 lies outside the years 1 to 9999") from None


def _month(times: Times) -> Times:
    """Civil months since January 1970."""
    return times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def _seconds(months: Times) -> Times:
    """The first second of each month."""
    return months.astype("datetime64[M]").astype("datetime64[s]").astype(np.int64)


def _last_day(months: Times) -> Times:
    """The last day of each month, counted from 0."""
    return np.asarray((_seconds(months + 1) - _seconds(months)) // DAY - 1, dtype=np.int64)


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", name)
    if offset is not None:
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(size if offset[1] == "+" else -size)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"the time zone {name!r} is not known here: send times without an offset") from None


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."
