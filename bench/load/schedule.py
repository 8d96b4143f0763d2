"""When frames are meant to be sent, whatever becomes of those before them: the open loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(rate: float, seconds: float) -> NDArray[np.float64]:
    """Arrivals (n,) in seconds from the start, `rate` of them a second, at equal distances."""
    _check(rate, seconds)
    return np.arange(int(rate * seconds + 1e-9)) / rate


def by_chance(rate: float, seconds: float, seed: int = 0) -> NDArray[np.float64]:
    """Arrivals (n,) of many clients that know nothing of each other: a Poisson process of that rate, ascending."""
    _check(rate, seconds)
    random = np.random.default_rng(seed)
    arrivals = np.empty(0)
    end = 0.0
    while end < seconds:
        gaps = random.exponential(1 / rate, size=int(rate * seconds) + 16)
        arrivals = np.append(arrivals, end + np.cumsum(gaps))
        end = float(arrivals[-1])
    return arrivals[arrivals < seconds]


SCHEDULES = {"evenly": evenly, "by_chance": by_chance}


def _check(rate: float, seconds: float) -> None:
    if not (rate > 0 and seconds >= 0):
        raise ValueError(f"a rate above 0 and no negative seconds were expected, got {rate} a second for {seconds} s")
