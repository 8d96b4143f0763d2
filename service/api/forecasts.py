"""Which part of a forecast a client wants, and that part as lists: the horizon, the quantiles, the median."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import HorizonTooLong, InvalidValue, UnknownQuantile

Forecasts = NDArray[np.float64]  # (rows, horizon, quantiles)
_SAME = 1e-9  # two levels nearer than this are one
HALF = 0.5
MOST_SUMS = 16  # of one forecast


@dataclass(frozen=True)
class Selection:
    """The first `horizon` steps and some of the trained levels, with the weights that make the median."""

    horizon: int
    names: tuple[str, ...]  # of the levels, as they are written in answers
    columns: tuple[int, ...]
    median: tuple[int, int, float]  # two columns and the share of the second
    sums: tuple[int, ...] = ()  # over so many first steps each

    def cut(self, forecasts: Forecasts) -> tuple[list[list[float]], list[list[list[float]]]]:
        """Medians (rows, horizon) and levels (rows, levels, horizon) as lists."""
        part = forecasts[:, : self.horizon]
        levels = part.take(self.columns, axis=2).transpose(0, 2, 1)
        return self.middle(part).tolist(), levels.tolist()

    def middle(self, forecasts: Forecasts) -> NDArray[np.float64]:
        """Medians (…,) of forecasts (…, quantiles)."""
        lower, upper, share = self.median
        if share:
            return np.asarray((1 - share) * forecasts[..., lower] + share * forecasts[..., upper])
        return forecasts[..., lower]

    @property
    def reach(self) -> int:
        """Steps ahead that an answer is about, be it as steps or in sums."""
        return max((self.horizon, *self.sums))

    @property
    def apart(self) -> bool:
        """Whether the median is none of the levels."""
        return str(HALF) not in self.names


class Levels:
    """The trained horizon and quantiles, from which clients choose."""

    def __init__(self, horizon: int, quantiles: Sequence[float], check_sums: Callable[[], None] = lambda: None) -> None:
        """`check_sums` raises where the model cannot tell of sums."""
        self.horizon = horizon
        self._check_sums = check_sums
        self.quantiles = tuple(float(level) for level in quantiles)
        self._median = _median(self.quantiles)
        self.all = self.select(None, None)

    def select(
        self,
        horizon: int | None,
        quantiles: Sequence[float] | None,
        otherwise: Selection | None = None,
        sums: bool | Sequence[int] | None = None,
    ) -> Selection:
        """What was asked for; where that is None, as in `otherwise`, else all, and no sums. Quantiles and sums come in
        the order asked; `sums` that is True is one, over all steps of the answer.

        `HorizonTooLong`, `InvalidValue` (a horizon below 1, a level twice), `UnknownQuantile` and `NoSums` say what is
        allowed.
        """
        if horizon is None:
            horizon = otherwise.horizon if otherwise else self.horizon
        if horizon > self.horizon:
            raise HorizonTooLong(
                f"this model forecasts up to {self.horizon} steps ahead, {horizon} were asked for", horizon=self.horizon
            )
        if horizon < 1:
            raise InvalidValue(f"a horizon of 1 to {self.horizon} was expected, got {horizon}", horizon=self.horizon)
        if quantiles is None:
            columns = otherwise.columns if otherwise else tuple(range(len(self.quantiles)))
        else:
            columns = tuple(self._column(level) for level in quantiles)
            if len(set(columns)) < len(columns):
                raise InvalidValue("each quantile was expected once, got one of them twice")
        names = tuple(str(self.quantiles[at]) for at in columns)
        summed = self._summed(sums, horizon, otherwise.sums if otherwise else ())
        return Selection(horizon, names, columns, self._median, summed)

    def _summed(self, asked: bool | Sequence[int] | None, horizon: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
        if asked is None:
            return otherwise
        steps = ((horizon,) if asked else ()) if isinstance(asked, bool) else tuple(asked)
        if not steps:
            return ()
        self._check_sums()
        if max(steps) > self.horizon:
            raise HorizonTooLong(
                f"this model forecasts up to {self.horizon} steps ahead, a sum over {max(steps)} was asked for",
                horizon=self.horizon,
            )
        if min(steps) < 1 or len(set(steps)) < len(steps) or len(steps) > MOST_SUMS:
            raise InvalidValue(
                f"sums: true was expected, or up to {MOST_SUMS} numbers of steps from 1 to {self.horizon}, each once",
                horizon=self.horizon,
            )
        return steps

    def _column(self, level: float) -> int:
        for at, trained in enumerate(self.quantiles):
            if abs(trained - level) < _SAME:
                return at
        raise UnknownQuantile(
            f"the trained quantiles are {', '.join(map(str, self.quantiles))}; got {level}; choose among them",
            quantiles=list(self.quantiles),
        )


def _median(levels: Sequence[float]) -> tuple[int, int, float]:
    """The column of 0.5, or its two neighbours and the share of the upper one; the nearest where it has only one."""
    below = max((at for at, level in enumerate(levels) if level <= HALF + _SAME), key=levels.__getitem__, default=None)
    above = min((at for at, level in enumerate(levels) if level >= HALF - _SAME), key=levels.__getitem__, default=None)
    if below is None or above is None:
        only = above if below is None else below
        if only is None:
            raise ValueError("a model without quantiles has no forecast")
        return only, only, 0.0
    if below == above:
        return below, above, 0.0
    return below, above, (HALF - levels[below]) / (levels[above] - levels[below])
