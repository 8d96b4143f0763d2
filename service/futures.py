"""What is known ahead, in columns: the futures that observations carry, for the forecasts they are answered with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_FUTURE = -1  # the last row of `Futures.values`, of which nothing is known


@dataclass(frozen=True, eq=False)
class Futures:
    """One future for each observation that carries one. Those that carry none are recorded and get no forecast."""

    rows: NDArray[np.int64]  # (readings,) in `values`; NO_FUTURE: this one carries none
    values: NDArray[np.float64]  # (carriers + 1, horizon, known-future covariates), the last row all NaN

    @classmethod
    def of(cls, rows: NDArray[np.int64], values: NDArray[np.float64]) -> Futures:
        """`values` (carriers, horizon, covariates) in the order of the observations that carry them."""
        return cls(rows, np.concatenate([values, np.full((1, *values.shape[1:]), np.nan)]))

    @classmethod
    def join(cls, parts: Sequence[Futures]) -> Futures:
        """Those of all parts, one after the other."""
        before = np.cumsum([0, *(len(part.values) - 1 for part in parts[:-1])])
        rows = [np.where(part.carried, part.rows + first, NO_FUTURE) for part, first in zip(parts, before, strict=True)]
        return cls.of(np.concatenate(rows), np.concatenate([part.values[:-1] for part in parts]))

    @property
    def carried(self) -> NDArray[np.bool_]:
        """(readings,) whether each carries one."""
        return np.asarray(self.rows != NO_FUTURE)

    def cut(self, part: slice) -> Futures:
        """Those of some observations alone."""
        rows, carried = self.rows[part], self.carried[part]
        return Futures.of(np.where(carried, np.cumsum(carried) - 1, NO_FUTURE), self.values[rows[carried]])

    def at(self, observations: NDArray[np.int64]) -> NDArray[np.float64]:
        """The futures of these observations, (observations, horizon, covariates); NaN where one carries none."""
        return self.values[self.rows[observations]]
