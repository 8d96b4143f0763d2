"""Histories as sent become the engine's arrays, checked: lengths, covariates, values, and times on the grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.api import schemas
from service.api.clock import Clock
from service.errors import (
    EmptyHistory,
    GatecastError,
    HistoryTooLong,
    InvalidTime,
    InvalidValue,
    MissingCovariates,
    TimeRequired,
    UnknownCovariate,
    WrongType,
)
from service.frames import LARGEST_VALUE, History
from service.reach import Reach


@dataclass(frozen=True)
class Histories:
    """Reads histories for one model: its clock, its covariates, the most steps it takes, and how late they may end."""

    clock: Clock
    covariates: tuple[str, ...]
    longest: int
    reach: Reach

    def read(self, sent: schemas.History, where: str, **facts: object) -> History:
        """Values (time, 1 + covariates) with NaN where missing, and times (time,).

        Errors say `where` they are, and carry `facts` too.
        """
        with located(where, **facts):
            history = History(self._values(sent), self._times(sent))
            self.reach.check(int(history.times[0]), len(history.times) - 1)
            return history

    def _values(self, sent: schemas.History) -> NDArray[np.float64]:
        length = len(sent.y)
        if length == 0:
            raise EmptyHistory("at least one value of y was expected, got none")
        if length > self.longest:
            raise HistoryTooLong(f"at most {self.longest} steps are taken, got {length}", limit=self.longest)
        missing = [name for name in self.covariates if name not in sent.covariates]
        if missing:
            raise MissingCovariates(f"this model needs the covariates {', '.join(missing)} too", missing=missing)
        unknown = [name for name in sent.covariates if name not in self.covariates]
        if unknown:
            raise UnknownCovariate.among(self.covariates, unknown[0])
        columns = [_column("y", sent.y)]
        for name in self.covariates:
            column = sent.covariates[name]
            if len(column) != length:
                raise WrongType(f"covariates.{name} has {len(column)} values, y has {length}")
            columns.append(_column(f"covariates.{name}", column))
        return np.stack(columns, axis=1)  # (time, 1 + covariates)

    def _times(self, sent: schemas.History) -> NDArray[np.int64]:
        length = len(sent.y)
        if sent.ds is not None:
            if len(sent.ds) != length:
                raise InvalidTime(f"ds has {len(sent.ds)} times, y has {length} values")
            times = self.clock.consecutive(sent.ds)
            if sent.start is not None and self.clock.read(sent.start) != times[0]:
                raise InvalidTime("start and ds[0] are not the same time; send one of them")
            return times
        if sent.start is not None:
            start = self.clock.read(sent.start)
        elif self.clock.frequency.has_calendar:
            raise TimeRequired("send ds, or start for the time of the first value")
        else:
            start = 0  # counted steps carry no meaning beyond their order
        return self.clock.frequency.times(start, np.arange(length, dtype=np.int64))


@contextmanager
def located(where: str, **facts: object) -> Iterator[None]:
    """An error inside says `where` it is, and carries `facts` too."""
    try:
        yield
    except GatecastError as error:
        error.message = f"{where}: {error.message}"
        error.facts.update(facts)
        raise


def _column(name: str, values: Sequence[float | None]) -> NDArray[np.float64]:
    column = np.array(values, dtype=np.float64)  # None becomes NaN
    wrong = np.flatnonzero(np.abs(column) > LARGEST_VALUE)
    if len(wrong):
        index = int(wrong[0])
        raise InvalidValue(
            f"{name}[{index}] lies beyond ±{LARGEST_VALUE:g}; send another unit, or null where it is missing",
            index=index,
        )
    return column
