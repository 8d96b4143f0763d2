"""How rare a score is among a session's own: tails that are learned online, for any rate of false alarms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATES = np.array([0.1, 0.01, 0.001])  # of scores beyond each threshold
FIRST_STEP, LEAST_STEP, DECAY = 0.1, 0.03, 1.2  # of ln(factor): DECAY / sqrt(scores so far), between both
LEAST, MOST = 1 / 8, 8.0  # what a factor may be
QUIET = 8  # readings not beyond a threshold until one that is begins another alarm
_TEN = float(np.log(10))

Rows = NDArray[np.float32]
Numbers = NDArray[np.float64]


def rarity(factors: Rows, scores: Numbers) -> Numbers:
    """-ln of the share of readings that begin an alarm as high as `scores` (batch, lines), by factors (.., lines, 3).

    Linear in the score between thresholds; beyond the last one the tail goes on as it was before it.
    """
    widths = _widths(factors)
    first, second, third = widths[..., 0], widths[..., 1], widths[..., 2]
    beyond = scores - first
    place = np.minimum(scores / first, 1) + np.clip(beyond / second, 0, 1) + np.maximum(beyond - second, 0) / third
    return np.asarray(_TEN * place)


def learn(factors: Rows, quiet: Rows, scores: Numbers, known: NDArray[np.bool_], count: Rows) -> None:
    """Moves thresholds (batch, lines, 3) up a step where a score lies beyond, and down a little where not.

    Gibbs and Candès, 2021, in the form of quantile tracking (Angelopoulos, Candès and Tibshirani, 2023), as the bands
    of service/calibration.py, with steps that decay (Angelopoulos, Barber and Bates, 2024) by the `count` (batch,) of
    scores so far, this one too. A run of scores beyond is one alarm: what follows within `QUIET` readings counts for
    as much less, so that one failure does not teach that failures are usual.
    """
    beyond = scores[..., None] > np.cumsum(_widths(factors), axis=-1)
    step = step_of(count)[:, None, None] * np.where(quiet >= QUIET, 1.0, 1 / QUIET)
    moved = np.clip(factors * np.exp(step * (beyond - RATES)), LEAST, MOST)
    live = known[:, None, None]
    factors[:] = np.where(live, moved, factors)
    quiet[:] = np.where(live, np.where(beyond, 0, np.minimum(quiet + 1, QUIET)), quiet)


def step_of(count: Rows) -> Numbers:
    """How far ln(factor) may move at the score of this number, from 1 on."""
    return np.clip(DECAY / np.sqrt(np.maximum(count, 1).astype(np.float64)), LEAST_STEP, FIRST_STEP)


def sound(factors: Rows) -> bool:
    """Whether factors can be."""
    return bool(((factors >= LEAST) & (factors <= MOST)).all())


def _widths(factors: Rows) -> Numbers:
    """(.., 3) from 0 to the first threshold, from there to the second, to the third: each in units of the one before.

    All factors are 1 at first: a score of a right forecast is Exp(1), and exceeds ln 10, 2 ln 10, 3 ln 10 at the rates.
    """
    wide = factors.astype(np.float64)
    first = _TEN * wide[..., 0]
    second = first * wide[..., 1]
    return np.stack([first, second, second * wide[..., 2]], axis=-1)
