"""What many latencies come to: exact percentiles, each a latency that occurred, and never one more than was seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Latencies:
    """Sorted latencies in seconds."""

    seconds: Sequence[float]

    @classmethod
    def of(cls, *runs: ArrayLike) -> Latencies:
        """Those of all runs together; `ValueError` where there are none, or one never came."""
        seconds = np.sort(np.concatenate([np.asarray(run, np.float64).ravel() for run in runs] or [np.empty(0)]))
        if len(seconds) == 0 or not np.isfinite(seconds).all():
            raise ValueError(f"finite latencies were expected, got {len(seconds)}: a missing answer is none")
        return cls(seconds.tolist())

    def percentile(self, share: float) -> float:
        """The smallest latency that at least this share (0 to 1) of all do not exceed (nearest rank), in seconds."""
        if not 0 <= share <= 1:
            raise ValueError(f"a share of 0 to 1 was expected, got {share}")
        rank = math.ceil(share * len(self.seconds) - 1e-9)
        return self.seconds[max(rank, 1) - 1]

    @property
    def p50(self) -> float:
        return self.percentile(0.5)

    @property
    def p99(self) -> float:
        return self.percentile(0.99)

    def __len__(self) -> int:
        return len(self.seconds)
