"""statsforecast: a model fitted anew at every window, on what was read before it.

    python -m bench.peers.statsforecast.accuracy AutoETS|AutoTheta WINDOWS ANSWER

Where a history is long its last readings are taken, as many whole seasons as are no more than `READINGS`, which is
about what the longest series of M4 Hourly have. A window that cannot be fitted has no forecast.
"""

import multiprocessing
import os
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from statsforecast.models import AutoETS, AutoTheta

from bench.accuracy.windows import Answer, Windows

READINGS = 1_008


def main() -> None:
    name, given, found = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    windows = Windows.read(given)
    histories = [shortened(windows.history(window), windows.season) for window in range(len(windows))]
    began = time.perf_counter()
    with multiprocessing.Pool(windows.threads) as pool:
        forecast = partial(fitted, name, windows.season, windows.horizon, windows.levels)
        answers = pool.map(forecast, histories, chunksize=1)
    spent = time.perf_counter() - began
    told = [f"fitted anew at each of {len(windows):,} windows"]
    if any(len(windows.history(window)) > len(histories[window]) for window in range(len(windows))):
        told.append(f"on its last {len(histories[0]):,} readings")
    told += [f"{what} {count} x" for what, count in Counter(said for _, said in answers).most_common(3)]
    Answer(np.stack([quantiles for quantiles, _ in answers]), spent, 0.0, ", ".join(told)).write(found)


def shortened(history, season):
    """Its last whole seasons, no more than READINGS in all."""
    return history[-max(1, READINGS // season) * season :]


def fitted(name, season, horizon, levels, history):
    """Quantiles (horizon, levels), and which model was chosen or why there is none."""
    os.environ["OMP_NUM_THREADS"] = "1"
    model = {"AutoETS": AutoETS, "AutoTheta": AutoTheta}[name](season_length=season)
    widths = sorted({round(abs(100 - 200 * level), 6) for level in levels if level != 0.5})
    try:
        model.fit(history)
        said = model.predict(horizon, level=widths)
    except Exception as failure:  # of another library, of any type: the window stays empty, and it is named
        return np.full((horizon, len(levels)), np.nan), type(failure).__name__
    columns = [said[column(level)] for level in levels]
    return np.stack(columns, 1), str(model.model_.get("method") or model.model_.get("modeltype"))


def column(level):
    """Where the library puts a quantile."""
    width = round(abs(100 - 200 * level), 6)
    return "mean" if level == 0.5 else f"lo-{width}" if level < 0.5 else f"hi-{width}"


if __name__ == "__main__":
    main()
