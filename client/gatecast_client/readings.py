"""What a client sends: histories, series and single readings."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Number = float | None  # None or NaN: the reading is missing
When = str | int | datetime
Future = Mapping[str, Iterable[Number]]  # by name, one value for each step ahead; None or NaN: it is unknown
Static = Mapping[str, Number]  # by name; None or NaN: it is unknown


class Numbers(Protocol):
    """An array of numbers, as NumPy has them."""

    @property
    def dtype(self) -> Any:
        """Of what kind they are."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Any: ...


Column = Sequence[Number] | Numbers  # None or NaN: it is missing


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
        sent: dict[str, Any] = {"y": [number_as_sent(value) for value in self.y]}
        if self.start is not None:
            sent["start"] = time_as_sent(self.start)
        if self.ds is not None:
            sent["ds"] = [time_as_sent(time) for time in self.ds]
        if self.covariates:
            sent["covariates"] = lists_as_sent(self.covariates)
        return sent


@dataclass(frozen=True)
class Series(History):
    """A history to be forecast. Without a `unique_id` it is called by its place in the request.

    `future` and `static` are what the model wants to know beside it (see `GatecastClient.model`), all of it by name.
    """

    unique_id: str | None = None
    future: Future | None = None
    static: Static | None = None

    def as_sent(self) -> dict[str, Any]:
        """The JSON object, but for its name."""
        sent = super().as_sent()
        if self.future:
            sent["future"] = lists_as_sent(self.future)
        if self.static:
            sent["static"] = numbers_as_sent(self.static)
        return sent


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a session. With `step` or `ds` it is recorded exactly once, however often it is sent.

    `future` is for the forecast that answers it: where the model knows covariates ahead, the last reading of a session
    in a call must carry their values for the steps to be forecast, and those before it need not.
    """

    session: str
    y: Number
    step: int | None = None
    ds: When | None = None
    covariates: Mapping[str, Number] | None = None
    future: Future | None = None

    @property
    def keyed(self) -> bool:
        """Whether the service can tell that it has it already."""
        return self.step is not None or self.ds is not None

    def as_sent(self) -> dict[str, Any]:
        """The object on the wire."""
        sent: dict[str, Any] = {"session": self.session, "y": number_as_sent(self.y)}
        if self.step is not None:
            sent["step"] = operator.index(self.step)  # a fraction is no step, and is not rounded to one
        if self.ds is not None:
            sent["ds"] = time_as_sent(self.ds)
        if self.covariates:
            sent["covariates"] = numbers_as_sent(self.covariates)
        if self.future:
            sent["future"] = lists_as_sent(self.future)
        return sent


def numbers_as_sent(numbers: Mapping[str, Number]) -> dict[str, Number]:
    """The object on the wire: missing numbers are null."""
    return {name: number_as_sent(value) for name, value in numbers.items()}


def lists_as_sent(lists: Mapping[str, Iterable[Number]]) -> dict[str, list[Number]]:
    """The object on the wire: missing numbers are null."""
    return {name: [number_as_sent(each) for each in row] for name, row in lists.items()}


def time_as_sent(time: When) -> str | int:
    """ISO 8601 text, or the whole number; TypeError where it is neither."""
    if isinstance(time, datetime):
        return time.isoformat()
    if isinstance(time, str):
        return time
    try:
        return operator.index(time)
    except TypeError:
        raise TypeError(f"a time was expected: ISO 8601 text, a datetime or a whole number; got {time!r}") from None


def number_as_sent(value: Number) -> Number:
    """The number on the wire: null where it is missing.

    What is infinite goes as the largest number there is, which a service refuses by name (`invalid_value`): JSON has
    no infinity, and its encoder writes null, which would be recorded as a missing reading.
    """
    if value is None or value != value:  # NaN is not equal to itself
        return None
    number = float(value)
    return math.copysign(sys.float_info.max, number) if math.isinf(number) else number
