"""Days that are holidays: their dates, by where they come from, and until when they are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Holidays:
    """Of each source in `names`, ISO dates in order; after the day `until` none is known, of whatever source."""

    names: tuple[str, ...]
    dates: tuple[tuple[str, ...], ...]
    until: str

    def __post_init__(self) -> None:
        if not self.names or len(self.names) != len(self.dates):
            raise ValueError(f"holidays need dates for each of {', '.join(self.names) or 'no name'}")
        for each in (self.until, *(day for days in self.dates for day in days)):
            if not is_day(each):
                raise ValueError(f"holidays are dates such as 2015-12-25, not {each!r}")

    def __str__(self) -> str:
        return f"{', '.join(self.names)} until {self.until}"

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Holidays:
        """As `dataclasses.asdict` and JSON leave them."""
        return cls(tuple(data["names"]), tuple(tuple(days) for days in data["dates"]), data["until"])

    def days(self) -> list[list[int]]:
        """The same dates as days since 1970; those after `until` are left out."""
        return [[number(day) for day in days if day <= self.until] for days in self.dates]


def is_day(text: str) -> bool:
    """Whether it is a date as it is kept here, 2015-12-25; as text such dates have the order of time."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except (TypeError, ValueError):
        return False


def number(day: str) -> int:
    """Days from 1970-01-01 to an ISO date."""
    return date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()


def difference(name: str, was: object, now: object) -> str:
    """What became of a setting, in words; holidays may have other dates under the same names."""
    before, after = _told(was), _told(now)
    return f"{name} was {before}, is {after}" + (" with other dates" if before == after else "")


def _told(value: object) -> str:
    """A setting as a message tells it: of holidays, as JSON has them, not hundreds of dates."""
    if isinstance(value, dict) and value.keys() == {"names", "dates", "until"}:
        return str(Holidays.from_dict(value))
    return str(value)
