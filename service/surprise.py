"""How far a reading lies in the tails of its own forecast: the probability integral transform, two-sided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 64.0  # of a surprise: one reading in 10^28

Numbers = NDArray[np.float64]


def surprise(target: Numbers, held: Numbers, levels: Numbers, known: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """-ln(2 min(u, 1 - u)) and the side, -1 or 1, of u = F(y) (batch, scored); 0 where nothing is known.

    `target` (batch,), `held` (batch, scored, quantiles) of ascending `levels` (quantiles,). F is linear between two
    quantiles; beyond the outermost one its tail is exponential, as steep as between that one and the next (Dawid,
    1984, for the transform; Rosenblatt, 1952). A reading that several quantiles are equal to has the position of that
    one of them which is nearest to the middle. So where the forecast is right surprises are Exp(1).
    """
    y = target[:, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        below = np.count_nonzero(held < y[..., None], axis=-1)  # (batch, scored)
        upto = np.count_nonzero(held <= y[..., None], axis=-1)
        last = len(levels) - 1
        left = np.clip(below - 1, 0, last - 1)
        low, high = _at(held, left), _at(held, left + 1)
        share = np.where(high > low, (y - low) / (high - low), 0.5)
        inner = levels[left] + (levels[left + 1] - levels[left]) * share
        on = np.clip(0.5, levels[np.minimum(below, last)], levels[np.maximum(upto - 1, 0)])
        u = np.where(upto > below, on, inner)
        depth = np.log(2 * np.minimum(u, 1 - u))
        depth = np.where(upto == 0, _tail(held[..., 0] - y, held[..., 1] - held[..., 0], levels[0], levels[1]), depth)
        ends = 1 - levels[-1], 1 - levels[-2]
        depth = np.where(below > last, _tail(y - held[..., -1], held[..., -1] - held[..., -2], *ends), depth)
    side = np.where(upto == 0, -1.0, np.where(below > last, 1.0, np.where(u < 0.5, -1.0, 1.0)))
    return np.where(known, np.clip(-depth, 0.0, MOST), 0.0), np.where(known, side, 0.0)


def _tail(away: Numbers, gap: Numbers, outer: float, inner: float) -> Numbers:
    """ln of twice the tail so far `away` from the outermost quantile, whose tail is `outer`; the next one's `inner`."""
    slope = np.log(inner / outer) / gap
    return np.asarray(np.log(2 * outer) - np.where(gap > 0, away * slope, MOST))


def _at(held: Numbers, places: NDArray[np.int64]) -> Numbers:
    return np.take_along_axis(held, places[..., None], axis=-1)[..., 0]
