"""Readings by columns, as they are sent and as they are answered: raw numbers, and a forecast's objects on demand."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Mapping, Sequence

from gatecast_client.answers import Forecast, Regime, Sum, Time
from gatecast_client.errors import GatecastError
from gatecast_client.quality import Anomaly, Quality
from gatecast_client.readings import Column, Number, Numbers, number_as_sent
from gatecast_client.wire import ForecastColumns, SumColumns

NO_STEP = -1


class Forecasts:
    """The forecasts of some readings that were answered together.

    In MessagePack a value is `origin[row] + differences[row, ahead, level]`: views of float64 (rows,) and float32
    (rows, horizon, levels), which NumPy takes as they are (`numpy.asarray`). In JSON both are None.
    """

    def __init__(self, places: Sequence[int], sent: ForecastColumns) -> None:
        self.places = places  # of its rows, in the columns of the call
        self.levels = sent.levels or [float(name) for name in sent.quantiles]
        self.origin: memoryview | None = None
        self.differences: memoryview | None = None
        self._median: memoryview | None = None
        self._sent = sent
        rows, horizon, _ = sent.shape
        if sent.origin:
            self.origin = raw(sent.origin, "d")
            self.differences = raw(sent.values, "f", sent.shape) if sent.values else None
            if isinstance(sent.median, bytes):
                self._median = raw(sent.median, "f", (rows, horizon))

    def row(self, row: int) -> Forecast:
        """One of them as an object; without `start`, which is one step after its reading."""
        if self.origin is None:
            quantiles = {name: numbers[row] for name, numbers in self._sent.quantiles.items()}
            apart = self._sent.median
            middle = apart[row] if isinstance(apart, list) else quantiles["0.5"]
            return Forecast(median=middle, quantiles=quantiles, sums=self._sums(row))
        origin, horizon, levels = self.origin[row], self._sent.shape[1], self.differences
        quantiles = {}
        for at, level in enumerate(self.levels):
            assert levels is not None  # there are levels
            quantiles[str(level)] = [origin + levels[row, ahead, at] for ahead in range(horizon)]
        median = self._median
        if median is None:
            return Forecast(median=quantiles["0.5"], quantiles=quantiles, sums=self._sums(row))
        medians: list[float] = [origin + median[row, ahead] for ahead in range(horizon)]
        return Forecast(median=medians, quantiles=quantiles, sums=self._sums(row))

    def _sums(self, row: int) -> list[Sum] | None:
        return None if self._sent.sums is None else [self._sum(each, row) for each in self._sent.sums]

    def _sum(self, sent: SumColumns, row: int) -> Sum:
        if isinstance(sent.median, list):
            quantiles = {name: numbers[row] for name, numbers in sent.quantiles.items()}
            return Sum(steps=sent.steps, median=sent.median[row], quantiles=quantiles)
        values, first = raw(sent.values, "d"), row * len(self.levels)
        quantiles = {str(level): values[first + at] for at, level in enumerate(self.levels)}
        return Sum(steps=sent.steps, median=raw(sent.median, "d")[row], quantiles=quantiles)


class Observed:
    """What came of readings that were sent by columns; places are those in the columns of the call."""

    def __init__(self, count: int) -> None:
        self.steps = array("q", [NO_STEP]) * count  # -1: refused
        self.errors: dict[int, GatecastError] = {}  # of the refused, by place
        self.repeated: set[int] = set()  # recorded before: nothing advanced
        self.filled: dict[int, int] = {}  # steps before it that entered as missing, by place
        self.durable: str | None = None  # what the recorded survive
        self.times: dict[int, int] = {}  # MessagePack: seconds of the series' own clock, or counts, by place
        self.ds: dict[int, Time] = {}  # JSON: as text, by place
        self.regimes: dict[int, Regime] = {}  # of the newest of sessions that are watched
        self.qualities: dict[int, Quality] = {}  # of the newest of those that are scored, where it is asked for
        self.anomalies: dict[int, Anomaly] = {}  # likewise
        self.forecasts: list[Forecasts] = []  # mostly one for each frame
        self._rows: dict[int, tuple[Forecasts, int]] | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        refused = f", {len(self.errors)} refused" if self.errors else ""
        return f"Observed({len(self)} readings{refused}, durable={self.durable!r})"

    def add(self, forecasts: Forecasts) -> None:
        """Forecasts that have come."""
        self.forecasts.append(forecasts)
        self._rows = None

    def forecast(self, place: int) -> Forecast | None:
        """The forecast after one reading; None where it was refused, is not its session's newest, or wanted none."""
        if self._rows is None:
            self._rows = {at: (some, row) for some in self.forecasts for row, at in enumerate(some.places)}
        found = self._rows.get(place)
        return None if found is None else found[0].row(found[1])


def raw(data: bytes, kind: str, shape: tuple[int, ...] | None = None) -> memoryview:
    """A view of little-endian numbers of one kind (d, f, q, I)."""
    if sys.byteorder == "big":
        swapped = array(kind, data)
        swapped.byteswap()
        data = swapped.tobytes()
    view = memoryview(data)
    return view.cast(kind) if shape is None else view.cast(kind, shape)  # type: ignore[call-overload, no-any-return]


def as_raw(numbers: array[int] | array[float]) -> bytes:
    """The same numbers, little-endian."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def doubles(name: str, numbers: Column) -> array[float]:
    """float64, NaN where one is None; ValueError where one is no number."""
    try:
        return array("d", numbers)
    except TypeError:
        pass
    try:
        return array("d", [math.nan if number is None else number for number in numbers])
    except TypeError as wrong:
        raise ValueError(f"{name}: numbers were expected, or None where one is missing: {wrong}") from wrong


def counts(numbers: Sequence[int] | Numbers) -> array[int]:
    """Steps as int64; ValueError where one is no step."""
    try:
        steps = array("q", numbers)
    except (TypeError, OverflowError) as wrong:
        raise ValueError(f"steps: each reading needs its step, a whole number: {wrong}") from wrong
    if len(steps) and min(steps) < 0:
        raise ValueError(f"steps: whole numbers from 0 were expected, got {min(steps)}")
    return steps


def nulls(numbers: array[float]) -> list[Number]:
    """As JSON has them: null where one is missing."""
    return [number_as_sent(number) for number in numbers]


def aligned(count: int, columns: Mapping[str, Sequence[object]]) -> None:
    """ValueError for a column that has not one element for each reading."""
    for name, column in columns.items():
        if len(column) != count:
            raise ValueError(f"every column has an element for each reading: {name} has {len(column)}, y has {count}")
