"""How readings spread: whether with the level of a series (it is then learned under a logarithm), and by how much."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models.evaluation.panel import Panel
from models.transform import STRAIGHT, Transform

LEAST_PAIRS = 16  # readings a season apart that a series needs to have a say
GROWING = 0.5  # slope from which a change is rather relative (1) than absolute (0)
LEAST_READINGS = 8  # of a window whose deviation has a say
FEW = 0.05  # share of the series whose deviation may be smaller than what is assumed in any case
SMALLEST = 0.01  # share of the positive readings that lie below the logarithm's offset


def implied_offset(panel: Panel, season: int) -> float:
    """The offset of the logarithm (models/transform.py) that the training parts ask for; 0 for none.

    There is one where no reading is negative and changes from season to season grow with the level. The offset is the
    smallest usual reading: what lies below it is learned nearly as it is, so that a stray zero weighs little.
    """
    parts = [stretch.values[:end, 0] for stretch, end in zip(panel.series, panel.train_end, strict=True)]
    readings = np.concatenate(parts)
    positive = readings[readings > 0]  # not the missing ones either
    if positive.size == 0 or np.nanmin(readings) < 0 or growth(parts, season) < GROWING:
        return 0.0
    return float(np.quantile(positive, SMALLEST))


def growth(parts: list[NDArray[np.float64]], season: int) -> float:
    """Slope of the log spread over the log level, 0 where the level says nothing (the plot of Tukey 1977, chapter 4).

    For each series the mean seasonal change where the level is in its upper quarter is held against that in its lower
    quarter; one straight line through all of them, where a series counts by how far its level moves.
    """
    together = moved = 0.0
    for part in parts:
        now, before = part[season:], part[:-season]
        level, change = (now + before) / 2, np.abs(now - before)
        level, change = level[~np.isnan(level)], change[~np.isnan(level)]
        if level.size < LEAST_PAIRS:
            continue
        low, high = (level <= np.quantile(level, 0.25)), (level >= np.quantile(level, 0.75))
        means = [level[low].mean(), level[high].mean(), change[low].mean(), change[high].mean()]
        if min(means) <= 0:
            continue
        rise = np.log(means[1] / means[0])
        together += float(rise * np.log(means[3] / means[2]))
        moved += float(rise**2)
    return together / moved if moved > 0 else 0.0


def implied_spread(panel: Panel, window: int, transform: Transform = STRAIGHT) -> tuple[float, float]:
    """What a window of the training parts comes to, under the curve: its deviation as a share of the size of its level,
    the median of all windows, and the deviation that nearly all series have at least. Zeros where nothing ever changes.
    """
    shares: list[float] = []
    least: list[float] = []
    for stretch, end in zip(panel.series, panel.train_end, strict=True):
        part = transform.apply(torch.from_numpy(stretch.values[:end, 0]))
        deviations = []
        for piece in torch.split(part, window):
            known = piece[~torch.isnan(piece)]
            if len(known) < min(LEAST_READINGS, window):
                continue
            deviation = float(known.std(correction=0))
            size = float(transform.size(known.mean()))
            deviations.append(deviation)
            if size > 0:
                shares.append(deviation / size)
        if deviations and max(deviations) > 0:
            least.append(float(np.median(deviations)))
    if not least or not shares:
        return 0.0, 0.0
    return float(np.median(shares)), float(np.quantile(least, FEW))
