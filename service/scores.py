"""How two models did on the same readings: absolute error and quantile loss, one step ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.followed import Moved

Column = NDArray[np.int64]
Forecasts = NDArray[np.float64]  # (turns, quantiles) of the first step ahead


@dataclass(frozen=True)
class Score:
    """Means over the readings that both models have forecast, in the units of the target."""

    mae: float  # of the forecast of the level nearest to the median
    quantile_loss: float  # mean over levels of max(q (y - f), (q - 1) (y - f)); Koenker and Bassett, 1978


@dataclass(frozen=True)
class Scores:
    """Both, over the same `readings`; None as long as there are none."""

    readings: int = 0
    leader: Score | None = None
    follower: Score | None = None


class Duel:
    """Remembers what both said last of each session, and holds it against the reading that comes next."""

    def __init__(self, levels: Sequence[float]) -> None:
        self.scores = Scores()  # replaced as a whole, so that any thread may read it
        self._levels = np.array(levels)
        self._middle = int(np.abs(self._levels - 0.5).argmin())
        self._place = np.zeros((0, 3), np.int64)  # by row of the leader: key, revision, the step it was said after
        self._said = np.zeros((0, 2, len(levels)))  # leader's and follower's
        self._sums = np.zeros((2, 2))  # (models, measures)

    def judge(self, moved: Moved, some: Column, follower: Forecasts) -> None:
        """Turns `some` of these, which the follower has answered with (turns, quantiles)."""
        turns = moved.turns
        rows = turns.rows[some]
        self._grow(int(rows.max()) + 1)
        who = np.stack([moved.keys[some], moved.revisions[some], moved.before[some]], axis=1)
        truth = moved.values[turns.readings[turns.offsets[some]], 0]  # of the first reading, the step that was forecast
        known = (self._place[rows] == who).all(axis=1) & np.isfinite(truth)
        if known.any():
            self._add(truth[known], self._said[rows[known]])
        asked = moved.futures is None or moved.futures.carried[turns.newest[some]]
        who[:, 2] = np.where(asked, who[:, 2] + turns.lengths[some], -1)
        who[:, 0] = np.where(asked, who[:, 0], -1)  # without what is known ahead nobody was told this forecast
        self._place[rows] = who
        self._said[rows] = np.stack([moved.forecasts[some], follower], axis=1)

    def _add(self, truth: NDArray[np.float64], said: NDArray[np.float64]) -> None:
        off = truth[:, None, None] - said  # (readings, models, levels)
        loss = np.maximum(self._levels * off, (self._levels - 1) * off).mean(axis=2)
        self._sums += np.stack([np.abs(off[:, :, self._middle]).sum(axis=0), loss.sum(axis=0)], axis=1)
        readings = self.scores.readings + len(truth)
        leader, follower = (Score(*map(float, sums / readings)) for sums in self._sums)
        self.scores = Scores(readings, leader, follower)

    def _grow(self, rows: int) -> None:
        if rows > len(self._place):
            size = max(rows, 2 * len(self._place))
            place, said = np.full((size, 3), -1), np.zeros((size, *self._said.shape[1:]))
            place[: len(self._place)], said[: len(self._said)] = self._place, self._said
            self._place, self._said = place, said
