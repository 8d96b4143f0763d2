"""Whether something stays level: a line fitted through samples, and what it rises over their span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WARM_UP = 0.25  # share of the time that does not count
HOUR = 3_600.0


@dataclass(frozen=True)
class Sample:
    """A process at rest, all that it took folded and answered."""

    second: float
    memory: int  # bytes
    handles: int
    readings: int  # recorded so far


@dataclass(frozen=True)
class Level:
    """One quantity after the warm-up."""

    first: float
    last: float
    median: float
    rise: float  # of the fitted line, over the span of the samples
    per_hour: float  # its slope

    @staticmethod
    def of(seconds: Sequence[float], values: Sequence[float]) -> Level:
        """Of at least two samples."""
        times, numbers = np.array(seconds), np.array(values, np.float64)
        slope = float(np.polyfit(times - times[0], numbers, 1)[0])
        span = float(times[-1] - times[0])
        return Level(numbers[0], numbers[-1], float(np.median(numbers)), slope * span, slope * HOUR)


def warm(samples: Sequence[Sample]) -> list[Sample]:
    """Those after the warm-up, of the time from the first sample to the last."""
    begin = samples[0].second + WARM_UP * (samples[-1].second - samples[0].second)
    return [sample for sample in samples if sample.second >= begin]
