"""Where training, validation and the held-out end of each series begin and end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from datasets.table import DataError, SeriesTable

_SHARE = 0.1  # of the median length, for validation and for the test, unless a number of steps is given
_LARGEST_SHARE = 4  # each takes at most a quarter of a series, so that half of it is left for training


@dataclass(frozen=True, eq=False)
class Split:
    """Per series the step where training ends and the one where validation ends; the rest is the test."""

    train_end: NDArray[np.int64]  # (series,)
    validation_end: NDArray[np.int64]  # (series,)


def split(
    table: SeriesTable, horizon: int, test_steps: int | None = None, validation_steps: int | None = None
) -> Split:
    """Cuts the end off each series for the test, and what lies before it for validation.

    Steps that are not given are a tenth of the median length, at least one horizon, at most a quarter of the
    series. DataError if a series is left without one reading and one horizon after it to train on, or no series
    holds out a whole horizon to test on.
    """
    lengths = np.array([len(series) for series in table.series], dtype=np.int64)
    test, validation = _ends(lengths, horizon, test_steps, validation_steps)
    validation_end = lengths - test
    train_end = validation_end - validation
    short = np.flatnonzero(train_end < horizon + 1)
    if len(short):
        series = int(short[0])
        raise DataError(
            f"{table.source}, series {table.series[series].unique_id!r}: expected at least {horizon + 1} steps to "
            f"train on (one and a horizon of {horizon}), got {max(int(train_end[series]), 0)} of its "
            f"{lengths[series]} after {validation[series]} for validation and {test[series]} for the test"
            f"{_others(short)}: give longer series, a shorter horizon, or fewer steps for validation and test"
        )
    if int(test.max()) < horizon:
        raise DataError(
            f"{table.source}: expected a horizon of {horizon} steps held out in at least one series, got at most "
            f"{int(test.max())}: give longer series, a shorter horizon, or more --test-steps"
        )
    return Split(train_end, validation_end)


def without_short(
    table: SeriesTable, horizon: int, test_steps: int | None = None, validation_steps: int | None = None
) -> SeriesTable:
    """The table without the series that `split` would refuse, and a warning that tells of them; as it is where none is
    left long enough, for `split` to refuse it.

    A young series must not keep all others from being learned from, and can be served like any other.
    """
    kept = list(table.series)
    while kept:
        lengths = np.array([len(series) for series in kept], dtype=np.int64)
        short = lengths - sum(_ends(lengths, horizon, test_steps, validation_steps)) < horizon + 1
        if not short.any():
            break
        kept = [series for series, out in zip(kept, short, strict=True) if not out]
    left = len(table.series) - len(kept)
    if not left or not kept:
        return table
    first = next(series for series, other in zip_longest(table.series, kept) if series is not other)
    warning = (
        f"{table.source}: {left} of {len(table.series)} series are too short to train on, beside what validation and "
        f"test take, such as {first.unique_id!r} of {len(first)} steps: they are left out; their sessions can be served"
    )
    return replace(table, series=tuple(kept), warnings=(*table.warnings, warning))


def require_context(table: SeriesTable, steps: int) -> None:
    """DataError if every series is shorter than `steps`, one context of the model: nothing would ever fill it."""
    longest = max(table.series, key=len)
    if len(longest) < steps:
        raise DataError(
            f"{table.source}: expected at least one context of {steps} steps in one series, the longest, "
            f"{longest.unique_id!r}, has {len(longest)}: give longer series, or look back less far (--lags)"
        )


def _ends(
    lengths: NDArray[np.int64], horizon: int, test_steps: int | None, validation_steps: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps of each series for the test, and for validation."""
    if horizon < 1:
        raise ValueError(f"expected a horizon of at least one step, got {horizon}")
    usual = np.minimum(max(horizon, int(_SHARE * np.median(lengths))), lengths // _LARGEST_SHARE)
    return _steps("test", test_steps, usual), _steps("validation", validation_steps, usual)


def _steps(name: str, given: int | None, usual: NDArray[np.int64]) -> NDArray[np.int64]:
    if given is None:
        return usual
    if given < 0:
        raise ValueError(f"expected a number of {name} steps of at least 0, got {given}")
    return np.full_like(usual, given)


def _others(short: NDArray[np.int64]) -> str:
    return f" ({len(short)} series are too short)" if len(short) > 1 else ""
