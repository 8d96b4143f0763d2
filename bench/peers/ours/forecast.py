"""Gatecast's own runtime, called as the libraries are: 24 steps of one series after 512 readings, and after one more.

python -m bench.peers.ours.forecast SECONDS BUNDLE
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from bench.peers.timing import HISTORY, hourly, timed
from service.bundle import Bundle
from service.runtimes import AUTO, open_runtime


def main() -> None:
    seconds, bundle = float(sys.argv[1]), Bundle.open(sys.argv[2])
    runtime = open_runtime(AUTO, bundle, threads=1)
    values = hourly(HISTORY)[None, :, None]
    times = 3_600 * np.arange(HISTORY)[None]
    fresh = runtime.states(bundle.initial[None])
    _, states = runtime.sequence(values, times, np.array([HISTORY]), fresh)

    def whole() -> NDArray[np.float64]:
        forecast: NDArray[np.float64] = runtime.sequence(values, times, np.array([HISTORY]), fresh)[0][0]
        return forecast

    def step() -> NDArray[np.float64]:
        forecast: NDArray[np.float64] = runtime.step(values[:, -1], times[:, -1] + 3_600, states)[0][0]
        return forecast

    timed("GRU 2 x 64, three quantiles at once, without a state", whole, seconds)
    timed(f"… one more reading from the state (`{runtime.name}`)", step, seconds)


if __name__ == "__main__":
    main()
