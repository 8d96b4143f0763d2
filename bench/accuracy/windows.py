"""What a peer is given and what it gives back: two files of arrays, so that all forecast from the very same readings.

Runs in the environments of the peers, so it needs no more than numpy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Windows:
    """Series, and the places in them from which forecasts are wanted: window i is of `series[i]` after `origins[i]`."""

    values: tuple[Array, ...]  # all readings of each series
    starts: tuple[int, ...]  # the time of each first reading, in seconds
    learned: tuple[int, ...]  # readings of each series that may be learned from
    series: NDArray[np.int64]
    origins: NDArray[np.int64]  # the place of the last reading known
    step: int  # seconds
    season: int  # steps
    horizon: int
    levels: tuple[float, ...]
    seed: int
    threads: int
    seconds: float  # that a training may take

    def __len__(self) -> int:
        return len(self.series)

    def history(self, window: int) -> Array:
        """All readings that are known at a window's origin, (time,)."""
        whole: Array = self.values[self.series[window]]
        return whole[: self.origins[window] + 1]

    def training(self) -> Iterator[tuple[int, Array]]:
        """Of each series its place and the readings that may be learned from."""
        for series, (values, end) in enumerate(zip(self.values, self.learned, strict=True)):
            yield series, values[:end]

    def write(self, path: Path) -> None:
        """Leaves them in a file."""
        plain = {
            "step": self.step, "season": self.season, "horizon": self.horizon, "levels": self.levels,
            "seed": self.seed, "threads": self.threads, "seconds": self.seconds,
        }  # fmt: skip
        np.savez(
            path,
            values=np.concatenate(self.values),
            lengths=[len(values) for values in self.values],
            starts=self.starts,
            learned=self.learned,
            series=self.series,
            origins=self.origins,
            plain=json.dumps(plain),
        )

    @classmethod
    def read(cls, path: Path) -> Windows:
        """What `write` left."""
        with np.load(path) as held:
            plain = json.loads(str(held["plain"]))
            ends = np.cumsum(held["lengths"])
            return cls(
                values=tuple(np.split(held["values"], ends[:-1])),
                starts=tuple(held["starts"].tolist()),
                learned=tuple(held["learned"].tolist()),
                series=held["series"],
                origins=held["origins"],
                levels=tuple(plain.pop("levels")),
                **plain,
            )


@dataclass(frozen=True, eq=False)
class Answer:
    """What a peer made of them: quantiles (windows, horizon, levels), NaN where it has none, and what it took."""

    quantiles: Array
    training: float  # seconds
    forecasting: float
    told: str = ""  # what a reader of the table has to know

    def write(self, path: Path) -> None:
        """Leaves it in a file."""
        plain = {"training": self.training, "forecasting": self.forecasting, "told": self.told}
        np.savez(path, quantiles=self.quantiles, plain=json.dumps(plain))

    @classmethod
    def read(cls, path: Path) -> Answer:
        """What `write` left."""
        with np.load(path) as held:
            return cls(held["quantiles"], **json.loads(str(held["plain"])))
