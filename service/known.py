"""What a bundle wants to know beside the readings: some covariates ahead of time, some features of each series."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.attached import NONE
from service.bundle import Manifest
from service.frames import Observations
from service.futures import Futures
from service.journal import Static


@dataclass(frozen=True)
class Known:
    """The names of one bundle, in the order of its inputs; holds arrays to their shapes."""

    horizon: int
    future: tuple[str, ...]
    static: tuple[str, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Known:
        return cls(manifest.horizon, tuple(manifest.future), tuple(manifest.static))

    def check(self, future: NDArray[np.float64] | None, static: NDArray[np.float64] | None) -> None:
        """`ValueError` if one of them, where there is one, is not of this bundle's shape."""
        _fit("future", None if future is None else future.shape, (self.horizon, len(self.future)))
        _fit("static", None if static is None else static.shape, (len(self.static),))

    def complete(self, observations: Observations) -> Observations:
        """The same, with futures exactly if this bundle has some; `ValueError` as `check`."""
        count, shape = len(observations.sessions), (self.horizon, len(self.future))
        if observations.futures is not None:
            _fit("futures", observations.futures.shape, shape)
            return observations if self.future else replace(observations, futures=None)
        if not self.future:
            return observations
        return replace(observations, futures=Futures.of(np.full(count, NONE), np.empty((0, *shape))))

    def named(self, static: NDArray[np.float64] | None) -> dict[str, float]:
        """Static features (features,) by name; all unknown where there is no array."""
        if static is None:
            return dict.fromkeys(self.static, math.nan)
        return dict(zip(self.static, static.tolist(), strict=True))

    def row(self, static: Static) -> NDArray[np.float64]:
        """Features by name as a row (features,): NaN where a session was made without that feature."""
        return np.array([static.get(name, math.nan) for name in self.static], np.float64)


def _fit(name: str, found: tuple[int, ...] | None, shape: tuple[int, ...]) -> None:
    if found is not None and found != shape:
        raise ValueError(f"{name} of shape {shape} were expected, got {found}")
