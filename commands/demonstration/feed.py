"""The readings that the demo sends: a history to begin with, and the end that the model has not seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gatecast_client import History, Model, Reading
from numpy.typing import NDArray

from datasets.frequency import Frequency, format_time, parse_time
from datasets.reader import read_table
from datasets.source import open_source
from datasets.table import SeriesTable

_SHOWN_SHARE = 0.2  # of the data, where the service does not say what was held out


class FeedError(Exception):
    """Data and model do not go together; the message says why, and what to run."""


@dataclass(frozen=True, eq=False)
class Feed:
    """One series, from the beginning of the session. Steps are counted from there."""

    name: str
    frequency: Frequency
    start: int  # seconds of the series' own clock, or a count
    values: NDArray[np.float64]  # (time, 1 + covariates), NaN where missing, covariates in the model's order
    covariates: tuple[str, ...]
    first: int  # step at which the demo begins; what is before is history
    known: tuple[str, ...] = ()  # covariates that the model wants to know ahead
    horizon: int = 1
    static: dict[str, float | None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def time(self, step: int) -> str | int:
        """The time of a step, as the service writes it."""
        return format_time(self.seconds(step), self.frequency)

    def seconds(self, step: int) -> int:
        """The time of a step in seconds of the series' own clock, or as a count."""
        return int(self.frequency.times(self.start, np.array([step], dtype=np.int64))[0])

    def history(self) -> History:
        """Everything before the first step to be shown."""
        past = self.values[: self.first]
        columns = {name: past[:, at].tolist() for at, name in enumerate(self.covariates, start=1)}
        return History(past[:, 0].tolist(), start=self.time(0), covariates=columns)

    def reading(self, session: str, step: int) -> Reading:
        """The reading of a step."""
        y, *others = self.values[step].tolist()
        covariates = dict(zip(self.covariates, others, strict=True))
        return Reading(session, y, step=step, covariates=covariates, future=self.future(step))

    def future(self, step: int) -> dict[str, list[float | None]] | None:
        """What is known after a step of those covariates: None beyond the end of the data."""
        if not self.known:
            return None
        ahead = self.values[step + 1 : step + 1 + self.horizon]
        rest: list[float | None] = [None] * (self.horizon - len(ahead))
        places = {name: 1 + self.covariates.index(name) for name in self.known}
        return {name: [_or_none(value) for value in ahead[:, at].tolist()] + rest for name, at in places.items()}


def read_feed(path: Path, model: Model, **named: Any) -> SeriesTable:
    """A file with the columns that this model takes and no others; `named` says how it is read where the usual names
    do not. The target is the model's, where there is such a column and no other was named. DataError if it is wrong.
    """
    columns = open_source(path).frame.columns
    parts = {"covariates": model.covariates, "future": model.future, "static": model.static}
    for part, wanted in parts.items():
        named[part] = [each for each in wanted if each in columns]  # `make_feed` says what is not there
    if named.get("target_column") is None and model.target in columns:
        named["target_column"] = model.target
    return read_table(path, zone=model.calendar_zone, **named)


def make_feed(table: SeriesTable, model: Model) -> Feed:
    """The table's first series as this model takes it; `FeedError` where it cannot."""
    name = Path(table.source).name.partition(".")[0]
    if not model.streams:
        raise FeedError(f"the model {model.name} cannot be streamed; serve one that can")
    if Frequency.parse(model.frequency) != table.frequency:
        raise FeedError(
            f"the model {model.name} expects a reading every {model.frequency}, {name} has one every "
            f"{table.frequency.alias}. Name the data it was trained on with --data, or train and serve one for these:\n"
            f"  gatecast train {table.source} --horizon {model.horizon} --out runs/{name}\n"
            f"  gatecast export runs/{name} --out runs/{name}.bundle\n"
            f"  gatecast serve runs/{name}.bundle"
        )
    missing = [each for each in (*model.covariates, *model.static) if each not in (*table.covariates, *table.static)]
    if missing:
        raise FeedError(f"the model {model.name} needs the column {missing[0]!r}, which {name} does not have")
    series = table.series[0]
    columns = [0, *(1 + table.covariates.index(each) for each in model.covariates)]
    first = _held_out(model, table.frequency, series.start, len(series))
    skipped = max(0, first - int(model.limits.get("history_steps", first)))
    start = int(table.frequency.times(series.start, np.array([skipped], dtype=np.int64))[0])
    values = series.values[skipped:, columns]
    static = {each: _or_none(float(series.static[table.static.index(each)])) for each in model.static}
    return Feed(
        name,
        table.frequency,
        start,
        values,
        tuple(model.covariates),
        first - skipped,
        tuple(model.future),
        model.horizon,
        static,
    )


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _held_out(model: Model, frequency: Frequency, start: int, length: int) -> int:
    """The step at which the end begins that training did not see, with some history before it."""
    share = length - max(1, round(_SHOWN_SHARE * length))
    told = model.training.get("held_out", {}).get("start")
    if told is None:
        return max(1, share)
    steps, on_grid = frequency.steps(start, np.array([parse_time(told, None)], dtype=np.int64))
    return int(steps[0]) if on_grid[0] and 0 < steps[0] < length else max(1, share)
