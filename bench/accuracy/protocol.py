"""A protocol: a data set, from where in it forecasts are wanted, how they are measured, and what others came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.accuracy.measures import COVERS_80, COVERS_95
from datasets.frequency import Frequency
from models.config import ForecasterConfig, implied_config
from models.evaluation.metrics import Metrics
from models.evaluation.panel import Panel

Origins = tuple[NDArray[np.int64], ...]  # of each series: the places of the last reading known, ascending

GOAL = {COVERS_80: "77–83 %", COVERS_95: "92–98 %"}  # within 3 points
STRETCH = {COVERS_80: "78.5–81.5 %", COVERS_95: "93.5–96.5 %"}  # within 1.5


@dataclass(frozen=True, eq=False)
class Row:
    """What somebody else came to, or what is to be reached, as it was written."""

    title: str
    figures: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Protocol:
    """How one data set is forecast and measured. Nothing here is chosen by how well it goes.

    `panel` says what may be learned from and what chooses; `learned` are the readings of each series that a peer may
    learn from. Each series is an instance of the MASE, scaled by all before its first window, or (`by_window`) each
    window is, scaled by all before it. With `deviations`, one of each series, there are squared and absolute errors
    in these units. Peers forecast from every `every`-th origin only.
    """

    name: str
    title: str
    about: str
    frequency: Frequency
    season: int
    horizon: int
    panel: Panel
    origins: Origins
    learned: tuple[int, ...]
    measures: tuple[str, ...]
    naive: Mapping[str, str]  # what the seasonal naive is known to come to, to the digit
    published: Sequence[Row] = ()
    goals: Sequence[Row] = ()
    by_window: bool = False
    deviations: NDArray[np.float64] | None = None
    reference: Metrics | None = None  # of the OWA
    dated: bool = True  # whether the series carry times, and so a calendar
    every: int = 1

    @property
    def config(self) -> ForecasterConfig:
        """The default configuration: nothing chosen but what the frequency, and later the training part, implies."""
        calendar = {} if self.dated else {"calendar": ()}
        return implied_config(self.frequency, self.horizon, None, **calendar)

    @property
    def windows(self) -> int:
        """From how many origins forecasts are wanted."""
        return sum(map(len, self.origins))

    def thinned(self) -> Protocol:
        """The same on the windows that peers are asked for."""
        return replace(self, origins=tuple(at[:: self.every] for at in self.origins), every=1)

    def excerpt(self, series: int) -> Protocol:
        """The same with the first few series alone: to see that something works, not how well."""
        chosen = slice(series)
        panel = Panel(
            self.panel.series[chosen], self.panel.train_end[chosen], self.panel.validation_end[chosen]
        )  # fmt: skip
        deviations = None if self.deviations is None else self.deviations[chosen]
        return replace(
            self, panel=panel, origins=self.origins[chosen], learned=self.learned[chosen], deviations=deviations
        )
