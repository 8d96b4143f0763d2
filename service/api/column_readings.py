"""Frames by columns become the engine's columns: checked at once where all is well, place by place where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.api.ahead import Ahead
from service.api.clock import Clock, Time
from service.api.columns import Array, ColumnFrame
from service.api.handles import Handles
from service.api.readings import Faults, Sheet
from service.errors import InvalidTime, InvalidValue, MissingCovariates, MissingFuture, UnknownCovariate, UnknownHandle
from service.frames import LARGEST_STEP, LARGEST_VALUE, NO_STEP, NO_TIME, Observations


@dataclass(frozen=True)
class ColumnReadings:
    """Reads frames by columns for one model: its clock, its covariates, and what of them it knows ahead."""

    clock: Clock
    covariates: tuple[str, ...]
    ahead: Ahead

    def read(self, frame: ColumnFrame, handles: Handles, every: int) -> Sheet:
        """One row for each sound reading, in the order sent.

        `MissingCovariates`, `UnknownCovariate` and `MissingFuture` (columns carry none, unless no forecast is
        wanted) are about the whole frame.
        """
        self._check(frame, every)
        faults = dict(frame.faults)
        sessions = _sessions(frame.sessions, handles, faults)
        steps = _steps(frame.steps, frame.count, faults)
        times = self._times(frame.ds, frame.count, faults)
        numbers = {"y": frame.y} | {f"covariates.{name}": frame.covariates[name] for name in self.covariates}
        columns = [_numbers(name, column, faults) for name, column in numbers.items()]
        values = columns[0][:, None] if len(columns) == 1 else np.stack(columns, axis=1)  # (readings, 1 + covariates)
        large = np.abs(values) > LARGEST_VALUE
        if np.count_nonzero(large):
            for name, wrong in zip(numbers, large.T, strict=True):
                _refuse(name, wrong, faults)
        if not faults:
            return Sheet(Observations(sessions, steps, times, values, every=every), range(frame.count), faults)
        kept = [at for at in range(frame.count) if at not in faults]
        names = [sessions[at] for at in kept]
        return Sheet(Observations(names, steps[kept], times[kept], values[kept], every=every), kept, faults)

    def _check(self, frame: ColumnFrame, every: int) -> None:
        if missing := [name for name in self.covariates if name not in frame.covariates]:
            raise MissingCovariates(
                f"this model needs the covariates {', '.join(missing)} too, each as a column", missing=missing
            )
        if len(frame.covariates) > len(self.covariates):
            unknown = next(name for name in frame.covariates if name not in self.covariates)
            raise UnknownCovariate.among(self.covariates, unknown)
        if self.ahead.names and every:
            raise MissingFuture(
                f"this model forecasts with what is known ahead of {', '.join(self.ahead.names)}, which has no column: "
                'send those readings itemised, as {"observations": [...]}, or ask for no forecast ("every": "none")',
                missing=list(self.ahead.names),
            )

    def _times(self, ds: Sequence[Time | None] | None, count: int, faults: Faults) -> NDArray[np.int64]:
        if ds is None:
            return np.full(count, NO_TIME)
        plain = self.clock.read_plain(ds)
        if plain is not None:
            return plain
        times = np.full(count, NO_TIME)
        for at, text in enumerate(ds):
            try:
                times[at] = NO_TIME if text is None else self.clock.read(text)
            except InvalidTime as wrong:
                faults.setdefault(at, InvalidTime(f"ds[{at}]: {wrong.message}"))
        return times


def _sessions(sent: list[Any] | Array, handles: Handles, faults: Faults) -> list[str]:
    """The name inside of each; a fault, and an empty one, of a handle that was not given."""
    if not isinstance(sent, np.ndarray):
        kinds = set(map(type, sent))
        if kinds == {str}:
            return handles.inside(sent)
        numbers = _handles(sent) if kinds == {int} else None
    else:
        numbers = sent
    known = None if numbers is None else handles.names(numbers)
    return known if known is not None else [_session(at, each, handles, faults) for at, each in enumerate(sent)]


def _handles(sent: list[int]) -> NDArray[np.uint64] | None:
    try:
        return np.array(sent, np.uint64)
    except OverflowError:  # below 0, or beyond all handles
        return None


def _session(at: int, sent: Any, handles: Handles, faults: Faults) -> str:
    if sent is None or isinstance(sent, str):
        return handles.inside([sent])[0] if sent else ""
    name = handles.name(int(sent))
    if name is None:
        there = f"from 0 to {len(handles) - 1} here" if len(handles) else "of which there is none yet"
        faults.setdefault(
            at,
            UnknownHandle(
                f"sessions[{at}]: a handle of this connection was expected, {there}, got {sent}; "
                'names get theirs by {"handles": [...]}, anew on each connection'
            ),
        )
    return name or ""


def _steps(sent: Sequence[int | None] | Array | None, count: int, faults: Faults) -> NDArray[np.int64]:
    """(readings,), NO_STEP where there is none: null in lists, -1 among raw numbers."""
    if sent is None:
        return np.full(count, NO_STEP)
    if isinstance(sent, np.ndarray):
        steps = sent
        wrong = (steps + 1).view(np.uint64) > LARGEST_STEP + 1
    else:
        steps, wrong = _counted(sent)
    if np.count_nonzero(wrong):
        steps = np.where(wrong, NO_STEP, steps)
        for at in np.flatnonzero(wrong).tolist():
            faults.setdefault(
                at, InvalidValue(f"steps[{at}]: a whole number of 0 to {LARGEST_STEP} was expected, or null")
            )
    return steps


def _counted(sent: Sequence[int | None]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Steps of a list, and where they are none that a reading can have."""
    try:
        steps = np.array(sent, np.int64)
    except (TypeError, OverflowError):  # nulls are among them, or numbers beyond int64
        none = np.array([each is None for each in sent])
        steps = np.array([0 if each is None else min(max(each, -1), LARGEST_STEP + 1) for each in sent], np.int64)
        return np.where(none, NO_STEP, steps), steps.view(np.uint64) > LARGEST_STEP
    return steps, steps.view(np.uint64) > LARGEST_STEP


def _numbers(name: str, sent: Sequence[float | None] | Array, faults: Faults) -> NDArray[Any]:
    """(readings,), NaN where one is missing: null in lists, NaN among raw numbers."""
    if isinstance(sent, np.ndarray):
        return sent
    column = np.array(sent, np.float64)  # None becomes NaN
    missing = np.isnan(column)
    if np.count_nonzero(missing) != sent.count(None):  # a list in MessagePack can carry a NaN
        _refuse(name, missing & np.array([each is not None for each in sent]), faults)
    return column


def _refuse(name: str, wrong: NDArray[np.bool_], faults: Faults) -> None:
    for at in np.flatnonzero(wrong).tolist():
        faults.setdefault(
            at,
            InvalidValue(f"{name}[{at}]: a number within ±{LARGEST_VALUE:g} was expected, or null where it is missing"),
        )
