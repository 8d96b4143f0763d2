"""Which rows make a batch: of which series, from where and how long; one function a strategy, chosen by name.

A strategy draws from the generator it is given and from nothing else, so a batch depends on seed and step alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.training.settings import TrainingSettings

POOL = 16  # batches of rows that are sorted by length before one of them is taken


class Row(NamedTuple):
    """The steps `start` to `end` of a series; what follows the last of them is forecast too."""

    series: int
    start: int
    end: int


@dataclass(frozen=True)
class Source:
    """What rows are drawn from: series `i` has `ends[i]` readings to train on and the share `shares[i]` of the rows."""

    ends: Sequence[int]
    shares: NDArray[np.float64]

    def series(self, random: np.random.Generator, rows: int) -> NDArray[np.int64]:
        """Series drawn by their shares, (rows,)."""
        return random.choice(len(self.shares), size=rows, p=self.shares).astype(np.int64)

    def longest(self, series: NDArray[np.int64]) -> NDArray[np.int64]:
        """The most steps a row of each series can have: its last origin has one target at least."""
        return np.asarray(self.ends, dtype=np.int64)[series] - 1


Batching = Callable[[np.random.Generator, "TrainingSettings", Source], list[Row]]


def crops(random: np.random.Generator, settings: TrainingSettings, source: Source) -> list[Row]:
    """Random crops, ragged but of one class within a batch, so that little is spent on padding: the default.

    The class is drawn between `shortest` and `longest`; its rows have three quarters of it at least, where their series
    are that long. A series that is shorter is taken whole and padded.
    """
    series = source.series(random, settings.batch)
    longest = int(random.integers(settings.shortest, settings.longest + 1))
    lengths = random.integers(max(1, longest * 3 // 4), longest + 1, size=settings.batch).astype(np.int64)
    return _placed(random, settings, source, zip(series, lengths, strict=True))


def pad(random: np.random.Generator, settings: TrainingSettings, source: Source) -> list[Row]:
    """Rows of any length between `shortest` and `longest`, each its own, padded to the longest of the batch."""
    return _placed(random, settings, source, zip(*_any(random, settings, source, settings.batch), strict=True))


def truncate(random: np.random.Generator, settings: TrainingSettings, source: Source) -> list[Row]:
    """The most recent `longest` steps of each series, or all of a shorter one: the same rows whenever it is drawn."""
    series = source.series(random, settings.batch)
    lasts = source.longest(series)
    starts = np.maximum(lasts - settings.longest, 0)
    return [Row(*row) for row in zip(series.tolist(), starts.tolist(), lasts.tolist(), strict=True)]


def bucket(random: np.random.Generator, settings: TrainingSettings, source: Source) -> list[Row]:
    """The rows of `pad`, in batches of like length: a pool of them is sorted and cut into batches, one is taken.

    Each row of the pool is as likely as any other, so over many steps the same rows come as often as with `pad`.
    """
    series, lengths = _sorted(*_any(random, settings, source, POOL * settings.batch))
    first = settings.batch * int(random.integers(POOL))
    chosen = slice(first, first + settings.batch)
    return _placed(random, settings, source, zip(series[chosen], lengths[chosen], strict=True))


def steps(random: np.random.Generator, settings: TrainingSettings, source: Source) -> list[Row]:
    """Batches of exactly `batch_steps` steps, however many rows that takes.

    The rows of `pad`, sorted by length, are dealt into batches of just enough rows; what is too much is taken from the
    longest rows of each. One of the batches is taken.
    """
    budget = settings.steps_in_a_batch
    parts = [_any(random, settings, source, settings.batch)]
    while sum(int(lengths.sum()) for _, lengths in parts) < POOL * budget:
        parts.append(_any(random, settings, source, settings.batch))
    series, lengths = _sorted(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    batches = _dealt(lengths, budget)
    chosen = batches[int(random.integers(len(batches)))]
    return _placed(random, settings, source, zip(series[chosen], _trimmed(lengths[chosen], budget), strict=True))


BATCHINGS: dict[str, Batching] = {
    "crops": crops,
    "pad": pad,
    "truncate": truncate,
    "bucket": bucket,
    "steps": steps,
}


def _any(
    random: np.random.Generator, settings: TrainingSettings, source: Source, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Series and lengths of rows, each length drawn by itself and no longer than its series allows."""
    series = source.series(random, rows)
    lengths = random.integers(settings.shortest, settings.longest + 1, size=rows).astype(np.int64)
    return series, np.minimum(lengths, source.longest(series))


def _sorted(series: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(-lengths, kind="stable")
    return series[order], lengths[order]


def _dealt(lengths: NDArray[np.int64], budget: int) -> list[slice]:
    """Runs of rows, each just long enough for `budget` steps; rows at the end that are not enough are left out."""
    stops = lengths.cumsum()
    runs: list[slice] = []
    first, before = 0, 0
    while stops[-1] - before >= budget:
        last = int(np.searchsorted(stops, before + budget))
        runs.append(slice(first, last + 1))
        first, before = last + 1, int(stops[last])
    return runs


def _trimmed(lengths: NDArray[np.int64], budget: int) -> NDArray[np.int64]:
    """Lengths, longest first, with the longest levelled down until they are `budget` steps together."""
    excess = int(lengths.sum()) - budget
    rows = 1
    while rows < len(lengths) and int((lengths[:rows] - lengths[rows]).sum()) < excess:
        rows += 1
    level, more = divmod(int(lengths[:rows].sum()) - excess, rows)
    return np.concatenate([level + (np.arange(rows) < more), lengths[rows:]])


def _placed(
    random: np.random.Generator,
    settings: TrainingSettings,
    source: Source,
    rows: Iterable[tuple[np.int64, np.int64]],
) -> list[Row]:
    """Rows of the given series and lengths at random places, on a grid of `stride` steps from each series' start."""
    placed: list[Row] = []
    for series, length in ((int(series), int(length)) for series, length in rows):
        last = source.ends[series] - 1  # the last origin has one target at least
        length = min(length, last)
        start = int(random.integers(-(length // 2), last - length + length // 2 + 1))
        start = min(max(start, 0), last - length)  # both ends come as often as the middle
        start -= start % settings.stride
        placed.append(Row(series, start, start + length))
    return placed
