"""How the errors of one forecast hang together over its steps: what the quantiles of a sum need beside the steps' own.

Each target of the validation part becomes a normal score, the point of a standard normal variable at which its own
forecast puts it; how scores of one forecast go together is then one correlation for each distance between two steps
(Pinson, Madsen, Nielsen, Papaefthymiou and Klöckl 2009, From probabilistic forecasts to statistical scenarios of
short-term wind power production: a Gaussian copula over the horizon, its covariance estimated from such scores).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from models.evaluation.backtest import targets_of
from models.evaluation.panel import Panel
from models.evaluation.rolling import roll
from models.forecaster import Forecaster
from models.training.validation import CONTEXT, Validation
from models.transform import Transform

Array = NDArray[np.float64]

FARTHEST = 4.0  # scores beyond are taken for this: one wild reading must not speak for all
FLOOR = 1e-3  # of the correlation matrix's eigenvalues
ROUNDS = 50  # of projections, at most
DECIMALS = 6  # rounding them moves an eigenvalue by less than FLOOR, for horizons below 2,000


def dependence_of(model: Forecaster, panel: Panel, season: int) -> tuple[float, ...] | None:
    """Correlations of scores 0, 1, … horizon - 1 steps apart, of forecasts of the validation part; the first is 1.

    They make a positive definite Toeplitz matrix. Scores are not taken from their mean: a level that all forecasts of
    a time have missed is an error that their steps share. None where there is nothing to tell, as of a model with one
    quantile alone.
    """
    horizon, levels = model.config.horizon, model.config.quantiles
    if len(levels) < 2:
        return None
    validation = Validation.of(panel, season, model.streams, Transform.of(model.config))
    pairs = Pairs(horizon)
    for piece in roll(model, validation.spans, CONTEXT):
        history = validation.spans[piece.span].stretch.values[: validation.ends[piece.span], 0]
        _, target = targets_of(piece, history, horizon)
        level, scale = piece.level.numpy()[:, None], piece.scale.numpy()[:, None]
        under = piece.transform.apply(piece.level.new_tensor(target)).numpy()
        pairs.add(piece.quantiles.numpy().astype(np.float64), (under - level) / scale, levels)
    return pairs.correlations()


class Pairs:
    """Adds up, for each distance between two steps, how the scores of one forecast go together."""

    def __init__(self, horizon: int) -> None:
        self._together, self._weights = np.zeros(horizon), np.zeros(horizon)

    def add(self, quantiles: Array, target: Array, levels: Sequence[float]) -> None:
        """Forecasts (origins, horizon, levels) and what happened (origins, horizon), NaN where nobody knows.

        A pair weighs as the widths of its two steps do, and each forecast as much as any other.
        """
        scores = normal_scores(quantiles, target, levels)
        widths = quantiles[:, :, -1] - quantiles[:, :, 0]
        widths = widths / widths.mean(1, keepdims=True)
        known = ~np.isnan(scores)
        scores, widths = np.where(known, scores * widths, 0.0), np.where(known, widths, 0.0)
        horizon = scores.shape[1]
        for apart in range(horizon):
            later, earlier = slice(apart, None), slice(None, horizon - apart)
            self._together[apart] += (scores[:, later] * scores[:, earlier]).sum()
            self._weights[apart] += (widths[:, later] * widths[:, earlier]).sum()

    def correlations(self) -> tuple[float, ...] | None:
        """By distance, from 1 at 0; one that was never seen has that before it. None where nothing was seen at all."""
        if self._weights[0] == 0 or self._together[0] == 0:
            return None
        seen = self._weights > 0
        last = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), 0))
        mean = (self._together / np.where(seen, self._weights, 1.0))[last]
        return sound(mean / mean[0])


def normal_scores(quantiles: Array, target: Array, levels: Sequence[float]) -> Array:
    """Where its forecast puts each target (…,), as a point of a standard normal variable; NaN where there is none.

    Quantiles (…, levels) are joined by lines over the normal points of their levels; the outer two lines go on.
    """
    points = np.array([NormalDist().inv_cdf(level) for level in levels])
    at = np.clip((target[..., None] > quantiles).sum(-1), 1, len(levels) - 1)  # the upper end of its line
    low, high = (np.take_along_axis(quantiles, (at - by)[..., None], -1)[..., 0] for by in (1, 0))
    share = (target - low) / np.maximum(high - low, np.finfo(np.float64).tiny)
    return np.asarray(np.clip(points[at - 1] + share * (points[at] - points[at - 1]), -FARTHEST, FARTHEST))


def sound(correlation: Array) -> tuple[float, ...]:
    """The correlations by distance that are nearest to these and make a positive definite matrix.

    By turns the nearest matrix without small eigenvalues and the nearest with one value a diagonal (Higham 2002,
    Computing the nearest correlation matrix); what is then still too small is mended by less dependence.
    """
    found = np.clip(correlation, -1.0, 1.0)
    distance = np.abs(np.subtract.outer(np.arange(len(found)), np.arange(len(found))))
    counts = np.bincount(distance.ravel())
    least = 0.0
    for _ in range(ROUNDS):
        values, vectors = np.linalg.eigh(found[distance])
        least = float(values[0])
        if least >= FLOOR:
            break
        lifted = (vectors * np.maximum(values, 2 * FLOOR)) @ vectors.T
        found = np.bincount(distance.ravel(), lifted.ravel()) / counts
        found = found / found[0]
    else:
        least = float(np.linalg.eigvalsh(found[distance])[0])
    if least < FLOOR:
        found[1:] *= (1.0 - FLOOR) / (1.0 - least)
    return (1.0, *(round(float(each), DECIMALS) for each in found[1:]))
