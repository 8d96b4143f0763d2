"""Timing one call again and again, in the environment of a library; the report is a line of JSON.

Runs in the environments of the peers, so it needs no more than numpy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

HISTORY, HORIZON, LEVELS = 512, 24, (0.1, 0.5, 0.9)
UNITS, LAYERS = 64, 2
_LEAST = 5  # calls


def hourly(length: int) -> NDArray[np.float64]:
    """A day's rhythm with noise."""
    hours = np.arange(length)
    noise: NDArray[np.float64] = np.random.default_rng(0).normal(size=length)
    return 100 + 30 * np.sin(hours * 2 * np.pi / 24) + noise


def timed(what: str, call: Callable[[], NDArray[np.float64]], seconds: float) -> None:
    """Calls for so many seconds, once before that; prints the times. `ValueError` where it forecasts something else."""
    shape = np.shape(call())
    if shape[0] != HORIZON:
        raise ValueError(f"{HORIZON} steps were expected of {what}, got an array of shape {shape}")
    found: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(found) < _LEAST:
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    print(json.dumps({"what": what, "shape": shape, "seconds": found}), flush=True)
