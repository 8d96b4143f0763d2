"""How many targets lie in a band, series by series: a band that is right on the whole may be wrong for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, floor, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR, CLOSE = 0.015, 0.03  # of the level


@dataclass(frozen=True)
class Coverage:
    """Of one band; all are shares, 0 to 1.

    `near` and `close`: of the series, those whose coverage lies within 1.5 and 3 points of the level. The chances are
    what these would be for bands that are right in every series, were the targets of a series independent; they are
    not, so even right bands would come to less.
    """

    level: float
    overall: float
    near: float
    close: float
    near_chance: float
    close_chance: float
    low: float  # a tenth of the series have less
    middle: float
    high: float  # a tenth have more
    shares: tuple[float, ...]  # of each series that has targets, in order

    @classmethod
    def of(cls, level: float, inside: NDArray[np.float64], targets: NDArray[np.float64]) -> Coverage:
        """From how many targets of each series there are and how many lie in the band, (series,) each."""
        counted = targets > 0
        inside, targets = inside[counted], targets[counted]
        shares = inside / targets
        low, middle, high = np.quantile(shares, [0.1, 0.5, 0.9]).tolist()
        away = np.abs(shares - level) - 1e-9  # a share that is just so near counts
        near, close = (float(np.mean([chance(level, int(count), off) for count in targets])) for off in (NEAR, CLOSE))
        return cls(
            level=level,
            overall=float(inside.sum() / targets.sum()),
            near=float((away <= NEAR).mean()),
            close=float((away <= CLOSE).mean()),
            near_chance=near,
            close_chance=close,
            low=low,
            middle=middle,
            high=high,
            shares=tuple(shares.round(4).tolist()),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Coverage:
        return cls(**{**data, "shares": tuple(data.get("shares", ()))})


@lru_cache(maxsize=256)
def chance(level: float, count: int, off: float) -> float:
    """How likely the share of `count` independent targets in a right band is within `off` of its level (binomial)."""
    first, last = max(0, ceil(count * (level - off) - 1e-6)), min(count, floor(count * (level + off) + 1e-6))
    whole = lgamma(count + 1)
    return sum(
        exp(
            whole - lgamma(inside + 1) - lgamma(count - inside + 1)
            + inside * log(level) + (count - inside) * log(1 - level)
        )
        for inside in range(first, last + 1)
    )  # fmt: skip
