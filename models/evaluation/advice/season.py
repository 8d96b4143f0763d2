"""The season of a series, read off how it agrees with itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LOOKED_AT = 8192  # readings at the end, at most
CLEAR = 0.4  # autocorrelation from which a season is one
ROUNDING = 1e-9  # of the largest reading: what is left of a line that was taken away
REPEATS = 3  # seasons that must have gone by


def season_in(values: Array) -> int | None:
    """The lag, in steps, at which a series (time,) agrees most with itself after it has stopped doing so at once.

    That is the highest autocorrelation behind the first negative one, of the series without its trend. None where it
    is no clear one; missing readings are filled by a line.
    """
    known = np.flatnonzero(~np.isnan(values))
    if known.size < 2 * REPEATS or known.size < values.size / 2:
        return None
    series = np.interp(np.arange(values.size), known, values[known])[-LOOKED_AT:]
    steps = np.arange(series.size)
    series = series - np.polyval(np.polyfit(steps, series, 1), steps)
    if series.std() <= ROUNDING * np.abs(values[known]).max():
        return None
    power = np.abs(np.fft.rfft(series, 2 * series.size)) ** 2
    agreement = np.fft.irfft(power)[: series.size // REPEATS + 1]
    agreement = agreement / agreement[0]
    negative = np.flatnonzero(agreement < 0)
    if not negative.size:
        return None
    lag = int(negative[0] + agreement[negative[0] :].argmax())
    # A peak is higher than what stands beside it; the end of what is looked at is none.
    return lag if 1 < lag < len(agreement) - 1 and agreement[lag] > CLEAR else None
