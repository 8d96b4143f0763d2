"""What is done to crops so that few readings teach more: time warp, jitter and masking, each off by default."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KNOTS = 5  # of the warp's speed over one crop

Values = NDArray[np.float64]


def warp_time(random: np.random.Generator, strength: float, values: Values) -> Values:
    """The readings (time, width) as if time had run smoothly faster here and slower there; both ends stay in place.

    The logarithm of the speed is drawn at a few knots with the deviation `strength` and is linear between them; a
    reading between two of the grid is interpolated (window warping as in Um et al. 2017, arXiv:1706.00527, with a speed
    that is positive by construction). A reading beside a missing one becomes missing.

    What is warped is all that a crop shows: the window before it, its steps and its targets, together, so the future
    follows the same warped time, and nothing from outside comes in. The times are not warped: they stay a grid, and
    calendar features tell the clock of the grid. So to the net a warped series is one that runs ahead of its clock or
    behind it, at the worst place of a crop typically by a fifth of `strength` times the crop's length; where the clock
    matters (a daily rhythm), keep that to a fraction of its period.
    """
    count = len(values)
    if count < 3:
        return values
    knots = np.linspace(0, count - 1, KNOTS)
    speed = np.exp(np.interp(np.arange(count), knots, random.normal(0.0, strength, KNOTS)))
    way = np.concatenate([[0.0], ((speed[1:] + speed[:-1]) / 2).cumsum()])
    places = way / way[-1] * (count - 1)  # 0 and count - 1 at the ends, rising between
    left = np.minimum(places.astype(np.int64), count - 2)
    share = (places - left)[:, None]
    between = (1 - share) * values[left] + share * values[left + 1]
    warped: Values = np.where(share == 0, values[left], np.where(share == 1, values[left + 1], between))
    return warped


def jitter(random: np.random.Generator, share: float, before: Values, values: Values) -> None:
    """Adds noise to what the net is shown, in place: normal, with `share` of the deviation of each column of each crop.

    before (rows, window, width), values (rows, time, width). Targets keep their readings: noise on inputs alone makes
    the forecast smooth in them (Bishop 1995, Neural Computation 7, 108-116).
    """
    deviation = share * _deviation(np.concatenate([before, values], axis=1))
    for shown in (before, values):
        shown += deviation * random.normal(size=shown.shape)


def mask(random: np.random.Generator, share: float, before: Values, values: Values) -> None:
    """Makes a random share of the numbers that the net is shown missing, in place; targets keep their readings."""
    for shown in (before, values):
        shown[random.random(shown.shape) < share] = np.nan


def _deviation(values: Values) -> Values:
    """The deviation over time of (rows, time, width) without missing ones, (rows, 1, width); 0 where none is known."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    mean = np.where(known, values, 0.0).sum(1, keepdims=True) / count
    deviation: Values = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(1, keepdims=True) / count)
    return deviation
