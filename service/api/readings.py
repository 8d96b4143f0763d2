"""Observations as sent become the engine's columns, each checked alone: one that is wrong spoils no other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.api.ahead import Ahead
from service.api.clock import Clock, Time
from service.attached import NONE
from service.errors import GatecastError, InvalidTime, InvalidValue, MissingCovariates, UnknownCovariate
from service.frames import LARGEST_STEP, LARGEST_VALUE, NO_STEP, NO_TIME, Observations
from service.futures import Futures

Faults = dict[int, GatecastError]  # by the place of the reading in what was sent


class Reading(Protocol):
    """One observation, whether it came by request or by stream."""

    y: float | None
    step: int | None
    ds: Time | None
    covariates: dict[str, float | None] | None
    future: dict[str, list[float | None]] | None


@dataclass(frozen=True)
class Sheet:
    """The sound readings by columns, and the others with what is wrong with them."""

    observations: Observations
    kept: Sequence[int]  # the place of each row in what was sent
    faults: Faults


@dataclass(frozen=True)
class Columns:
    """Reads observations for one model: its clock, its covariates, and what of them it knows ahead."""

    clock: Clock
    covariates: tuple[str, ...]
    ahead: Ahead

    def read(
        self, sessions: Sequence[str], readings: Sequence[Reading], asked: int, excused: Collection[str] = ()
    ) -> Sheet:
        """One row for each sound reading, in the order sent; forecasts of `asked` steps are to answer them.

        The last reading of a session must carry what is known ahead, unless the session is `excused`.
        """
        faults: Faults = {}
        steps = _steps(readings, faults)
        times = self._times(readings, faults)
        target, others = _column("y", [each.y for each in readings], faults), self._covariates(readings, faults)
        values = np.stack([target, *others], axis=1) if others else target[:, None]  # (readings, 1 + covariates)
        futures = self._futures(sessions, readings, asked, excused, faults)
        if not faults:
            kept = list(range(len(readings)))
            return Sheet(Observations(list(sessions), steps, times, values, futures), kept, faults)
        kept = [at for at in range(len(readings)) if at not in faults]
        names = [sessions[at] for at in kept]
        futures = None if futures is None else futures.cut(kept)
        return Sheet(Observations(names, steps[kept], times[kept], values[kept], futures), kept, faults)

    def _times(self, readings: Sequence[Reading], faults: Faults) -> NDArray[np.int64]:
        times = np.full(len(readings), NO_TIME, dtype=np.int64)
        sent = [at for at, each in enumerate(readings) if each.ds is not None]
        if not sent:
            return times
        texts = [readings[at].ds for at in sent]
        plain = self.clock.read_plain(texts)
        if plain is not None:
            times[sent] = plain
            return times
        for at, text in zip(sent, texts, strict=True):
            try:
                times[at] = NO_TIME if text is None else self.clock.read(text)
            except InvalidTime as wrong:
                faults.setdefault(at, wrong)
        return times

    def _covariates(self, readings: Sequence[Reading], faults: Faults) -> list[NDArray[np.float64]]:
        if not self.covariates and not any(each.covariates for each in readings):
            return []
        for at, each in enumerate(readings):
            wrong = self._misfit(each.covariates or {})
            if wrong is not None:
                faults.setdefault(at, wrong)
        return [
            _column(f"covariates.{name}", [(each.covariates or {}).get(name) for each in readings], faults)
            for name in self.covariates
        ]

    def _futures(
        self,
        sessions: Sequence[str],
        readings: Sequence[Reading],
        asked: int,
        excused: Collection[str],
        faults: Faults,
    ) -> Futures | None:
        if not self.ahead.names and not any(each.future for each in readings):
            return None
        newest = {name: at for at, name in enumerate(sessions) if self.ahead.names and name not in excused}
        carriers = [at for at, each in enumerate(readings) if each.future or newest.get(sessions[at]) == at]
        values, wrong = self.ahead.read_all([readings[at].future or {} for at in carriers], asked)
        for place, error in wrong.items():
            faults.setdefault(carriers[place], error)
        rows = np.full(len(readings), NONE)
        rows[carriers] = np.arange(len(carriers))
        return Futures.of(rows, values) if self.ahead.names else None

    def _misfit(self, sent: dict[str, float | None]) -> GatecastError | None:
        if missing := [name for name in self.covariates if name not in sent]:
            return MissingCovariates(f"this model needs the covariates {', '.join(missing)} too", missing=missing)
        if len(sent) == len(self.covariates):
            return None
        unknown = next(name for name in sent if name not in self.covariates)
        return UnknownCovariate.among(self.covariates, unknown)


def _steps(readings: Sequence[Reading], faults: Faults) -> NDArray[np.int64]:
    sent = [NO_STEP if each.step is None else each.step for each in readings]
    for at, each in enumerate(readings):
        if each.step is not None and not 0 <= each.step <= LARGEST_STEP:
            sent[at] = NO_STEP
            faults[at] = InvalidValue(f"step: a whole number of 0 to {LARGEST_STEP} was expected")
    return np.array(sent, np.int64)


def _column(name: str, values: list[float | None], faults: Faults) -> NDArray[np.float64]:
    column = np.array(values, dtype=np.float64)  # (readings,) None becomes NaN
    if np.abs(column).max(initial=0.0) <= LARGEST_VALUE:  # which is False where one is NaN
        return column
    wrong = np.abs(column) > LARGEST_VALUE
    if np.count_nonzero(np.isnan(column)) != values.count(None):  # MessagePack can carry a NaN
        wrong |= np.isnan(column) & np.array([value is not None for value in values])
    for at in np.flatnonzero(wrong).tolist():
        faults.setdefault(
            at,
            InvalidValue(f"{name}: a number within ±{LARGEST_VALUE:g} was expected, or null where it is missing"),
        )
    return column
