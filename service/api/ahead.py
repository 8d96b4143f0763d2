"""What clients know ahead of a forecast, as sent, becomes the engine's arrays: names, lengths and numbers checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import FutureLength, GatecastError, InvalidValue, MissingFuture, UnknownCovariate
from service.frames import LARGEST_VALUE

Sent = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Ahead:
    """Reads the values of covariates that one model knows ahead, for some of its horizon or all of it."""

    names: tuple[str, ...]
    horizon: int

    def read(self, sent: Sent | None, asked: int) -> NDArray[np.float64] | None:
        """(horizon, covariates), NaN where unknown or beyond what was sent; None where the model knows none ahead.

        `asked` is how many steps are answered. `MissingFuture`, `UnknownCovariate`, `FutureLength`, `InvalidValue`.
        """
        futures, faults = self.read_all([sent or {}], asked)
        if faults:
            raise faults[0]
        return futures[0] if self.names else None

    def read_all(self, sent: Sequence[Sent], asked: int) -> tuple[NDArray[np.float64], dict[int, GatecastError]]:
        """As `read`, of many: (sent, horizon, covariates), and what is wrong with some of them, by place."""
        faults: dict[int, GatecastError] = {}
        for at, each in enumerate(sent):
            if (misfit := self._misfit(each, asked)) is not None:
                faults[at] = misfit
        sound = [at for at in range(len(sent)) if at not in faults]
        futures = np.full((len(sent), self.horizon, len(self.names)), np.nan)
        for column, name in enumerate(self.names):
            lists = [sent[at][name] for at in sound]
            lengths = np.array([len(each) for each in lists], np.int64)
            numbers = [number for each in lists for number in each]
            flat = np.array(numbers, np.float64)  # None becomes NaN
            rows = np.repeat(np.array(sound, np.int64), lengths)
            steps = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            futures[rows, steps, column] = flat
            wrong = np.abs(flat) > LARGEST_VALUE
            if np.count_nonzero(np.isnan(flat)) != numbers.count(None):  # MessagePack can carry a NaN
                wrong |= np.isnan(flat) & np.array([number is not None for number in numbers])
            for place in np.flatnonzero(wrong).tolist():
                faults.setdefault(
                    int(rows[place]),
                    InvalidValue(
                        f"future.{name}[{steps[place]}]: a number within ±{LARGEST_VALUE:g} was expected, or null "
                        "where it is unknown",
                        index=int(steps[place]),
                    ),
                )
        return futures, faults

    def _misfit(self, sent: Sent, asked: int) -> GatecastError | None:
        if missing := [name for name in self.names if name not in sent]:
            return MissingFuture(
                f"this model forecasts with what is known ahead of {', '.join(self.names)}: send `future` with "
                f"{', '.join(missing)} too, each a list of {self._lengths(asked)} numbers, null where one is unknown",
                missing=missing,
                horizon=asked,
            )
        if len(sent) > len(self.names):
            unknown = next(name for name in sent if name not in self.names)
            return UnknownCovariate(
                f"this model knows {', '.join(self.names) or 'no covariates'} ahead; leave {unknown!r} out of `future`",
                future=list(self.names),
            )
        for name in self.names:
            if not asked <= len(sent[name]) <= self.horizon:
                return FutureLength(
                    f"future.{name} has {len(sent[name])} values, {self._lengths(asked)} were expected: one for each "
                    f"step ahead, null where it is unknown",
                    horizon=asked,
                    longest=self.horizon,
                )
        return None

    def _lengths(self, asked: int) -> str:
        return str(asked) if asked == self.horizon else f"{asked} to {self.horizon}"
