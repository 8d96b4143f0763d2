"""How two models did on the same readings: absolute error and quantile loss, one step ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.followed import Moved

NOBODY = -2  # a step that none is
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
        self._key = np.zeros(0, np.int64)  # by row of the leader, as the next two
        self._revision = np.zeros(0, np.int64)
        self._step = np.zeros(0, np.int64)  # that it was said after; NOBODY: nothing was said
        self._said = np.zeros((0, 2, len(levels)))  # leader's and follower's
        self._sums = np.zeros((2, 2))  # (models, measures)

    def judge(self, moved: Moved, follower: Forecasts) -> None:
        """All turns of these, which the follower has answered with (turns, quantiles)."""
        turns = moved.turns
        rows = turns.rows
        self._grow(int(rows.max()) + 1)
        truth = moved.values[turns.readings[turns.offsets], 0]  # of the first reading, the step that was forecast
        known = (self._step[rows] == moved.before) & (self._key[rows] == moved.keys)
        known &= (self._revision[rows] == moved.revisions) & np.isfinite(truth)
        if known.all():
            self._add(truth, self._said[rows])
        elif known.any():
            self._add(truth[known], self._said[rows[known]])
        step = moved.before + turns.lengths
        if moved.futures is not None:  # without what is known ahead nobody was told this forecast
            step = np.where(moved.futures.carried[turns.newest], step, NOBODY)
        self._key[rows], self._revision[rows], self._step[rows] = moved.keys, moved.revisions, step
        self._said[rows, 0], self._said[rows, 1] = moved.forecasts, follower

    def _add(self, truth: NDArray[np.float64], said: NDArray[np.float64]) -> None:
        off = truth[:, None, None] - said  # (readings, models, levels)
        loss = np.maximum(self._levels * off, (self._levels - 1) * off).mean(axis=2)
        self._sums += np.stack([np.abs(off[:, :, self._middle]).sum(axis=0), loss.sum(axis=0)], axis=1)
        readings = self.scores.readings + len(truth)
        leader, follower = (Score(*map(float, sums / readings)) for sums in self._sums)
        self.scores = Scores(readings, leader, follower)

    def _grow(self, rows: int) -> None:
        more = max(rows, 2 * len(self._step)) - len(self._step)
        if rows > len(self._step):
            nobody = np.full(more, NOBODY)
            self._key, self._revision, self._step = (
                np.append(column, nobody) for column in (self._key, self._revision, self._step)
            )
            self._said = np.concatenate([self._said, np.zeros((more, *self._said.shape[1:]))])
