"""One setting of a space: a range or a list of choices, as Optuna samples it and as a grid divides it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

POINTS = 3  # of a range on a grid, unless it says another number


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones if `whole`, evenly spread in the logarithm if `log`."""

    low: float
    high: float
    log: bool = False
    points: int = POINTS
    whole: bool = False

    @property
    def distribution(self) -> BaseDistribution:
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def grid(self) -> list[float]:
        """Its points on a grid, the ends among them; of whole numbers fewer where two round to one."""
        spread = np.geomspace if self.log else np.linspace
        inner = spread(self.low, self.high, self.points)[1:-1].tolist()
        if not self.whole:
            return [self.low, *inner, self.high]
        return sorted({int(self.low), *(round(point) for point in inner), int(self.high)})

    def stored(self, value: Any) -> Any:
        """The value as a study keeps it."""
        return value

    def value(self, stored: Any) -> Any:
        """The value that was stored."""
        return stored

    def holds(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def to_dict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log, "points": self.points}


@dataclass(frozen=True)
class Choices:
    """Any of some values; a study keeps a tuple as JSON text, since it holds plain values alone."""

    values: tuple[Any, ...]

    @property
    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(self.grid())

    def grid(self) -> list[Any]:
        return [self.stored(value) for value in self.values]

    def stored(self, value: Any) -> Any:
        return json.dumps(value) if isinstance(value, tuple) else value

    def value(self, stored: Any) -> Any:
        return next(value for value in self.values if self.stored(value) == stored)

    def holds(self, value: Any) -> bool:
        return value in self.values

    def to_dict(self) -> dict[str, Any]:
        return {"choices": [list(value) if isinstance(value, tuple) else value for value in self.values]}


Dimension = Range | Choices
