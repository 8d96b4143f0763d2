"""What is known ahead, in columns: the futures that observations carry, for the forecasts they are answered with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.attached import NONE, Attached


@dataclass(frozen=True, eq=False)
class Futures:
    """One future for each observation that carries one. Those that carry none are recorded and get no forecast."""

    attached: Attached  # values (carriers, horizon, known-future covariates)

    @classmethod
    def of(cls, rows: NDArray[np.int64], values: NDArray[np.float64]) -> Futures:
        """`rows` (readings,) in `values` (carriers, horizon, covariates), or NONE."""
        return cls(Attached(rows, values))

    @classmethod
    def join(cls, parts: Sequence[Futures]) -> Futures | None:
        """Those of all parts, one after the other; None if there is no part."""
        joined = Attached.join([part.attached for part in parts], [len(part.attached.rows) for part in parts])
        return None if joined is None else cls(joined)

    @property
    def carried(self) -> NDArray[np.bool_]:
        """(readings,) whether each carries one."""
        return np.asarray(self.attached.rows != NONE)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of each: horizon and known-future covariates."""
        return self.attached.values.shape[1:]

    def cut(self, part: slice | list[int]) -> Futures:
        """Those of some observations alone."""
        return Futures(self.attached.cut(part))

    def at(self, observations: NDArray[np.int64]) -> NDArray[np.float64]:
        """The futures of these observations, (observations, horizon, covariates); NaN where one carries none."""
        rows = self.attached.rows[observations]
        known = np.full((len(rows), *self.shape), np.nan)
        known[rows != NONE] = self.attached.values[rows[rows != NONE]]
        return known
