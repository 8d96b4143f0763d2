"""What a client sends: histories, series and single readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Number = float | None  # None or NaN: the reading is missing
When = str | int | datetime


@dataclass(frozen=True, kw_only=True)
class _Timed:
    start: When | None = None  # time of the first value
    ds: Iterable[When] | None = None  # or one time for each
    covariates: Mapping[str, Iterable[Number]] | None = None  # by name, each as long as y


@dataclass(frozen=True)
class History(_Timed):
    """Consecutive readings of one series, the oldest first."""

    y: Iterable[Number]

    def as_sent(self) -> dict[str, Any]:
        """The JSON object."""
        sent: dict[str, Any] = {"y": [_number(value) for value in self.y]}
        if self.start is not None:
            sent["start"] = time_as_sent(self.start)
        if self.ds is not None:
            sent["ds"] = [time_as_sent(time) for time in self.ds]
        if self.covariates:
            sent["covariates"] = {name: [_number(each) for each in row] for name, row in self.covariates.items()}
        return sent


@dataclass(frozen=True)
class Series(History):
    """A history to be forecast. Without a `unique_id` it is called by its place in the request."""

    unique_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a session. With `step` or `ds` it is recorded exactly once, however often it is sent."""

    session: str
    y: Number
    step: int | None = None
    ds: When | None = None
    covariates: Mapping[str, Number] | None = None

    @property
    def keyed(self) -> bool:
        """Whether the service can tell that it has it already."""
        return self.step is not None or self.ds is not None

    def as_sent(self) -> dict[str, Any]:
        """The object on the wire."""
        sent: dict[str, Any] = {"session": self.session, "y": _number(self.y)}
        if self.step is not None:
            sent["step"] = int(self.step)
        if self.ds is not None:
            sent["ds"] = time_as_sent(self.ds)
        if self.covariates:
            sent["covariates"] = {name: _number(value) for name, value in self.covariates.items()}
        return sent


def time_as_sent(time: When) -> str | int:
    """ISO 8601 text, or the whole number."""
    if isinstance(time, datetime):
        return time.isoformat()
    return time if isinstance(time, str) else int(time)


def _number(value: Number) -> Number:
    if value is None or value != value:  # NaN is not equal to itself
        return None
    return float(value)
