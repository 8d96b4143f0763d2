"""The band of a forecast that is shown: a pair of its quantiles that face each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """A pair of quantiles between which a reading should fall, and how often."""

    low: float
    high: float

    @property
    def share(self) -> float:
        return self.high - self.low

    @classmethod
    def among(cls, quantiles: Sequence[float]) -> Band | None:
        """The pair nearest to 10 % and 90 %; None if no two levels face each other."""
        pairs = [cls(low, high) for low in quantiles for high in quantiles if low < high and abs(low + high - 1) < 1e-9]
        return min(pairs, key=lambda pair: abs(pair.low - 0.1), default=None)
