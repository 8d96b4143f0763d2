"""Whether two architectures differ in error, judged over series and seeds at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.comparison.student import two_sided, within

Array = NDArray[np.float64]

LEVEL = 0.05  # of the test, and 1 - LEVEL that of the interval


@dataclass(frozen=True)
class Difference:
    """Mean scaled error of one architecture minus that of another: below 0 the first is better.

    `p` and the 95 % interval are None where there was one seed alone: then no difference can be told from chance.
    """

    difference: float
    share: float  # of the other's mean error
    low: float | None
    high: float | None
    p: float | None
    freedom: float | None


def compare(one: Array, other: Array) -> Difference:
    """Errors (units, seeds) of two architectures on the same units, a unit being a series or a stretch of time.

    Both which seeds and which units one happened to have are chance, so both enter the variance of the mean difference
    (crossed random effects: Clark 1973)::

        V = var_units(mean over seeds of one - other) / units  +  (var_seeds(one) + var_seeds(other)) / seeds

    Units are paired, since both models forecast the same readings; seeds are not, since a seed is no bond between two
    architectures. The degrees of freedom are Satterthwaite's (1946), and the t distribution is right as far as means
    over units are normal. What is left between a unit and a seed is counted in both terms, so the test is a little
    cautious. A relabelling of seeds is exact but cannot come below p = 0.1 with three of them, and a bootstrap of three
    seeds is far too sure of itself; testing every pair of series and seed as if they were independent gives false
    alarms as soon as a seed is good or bad on all series at once.
    """
    units, seeds = one.shape
    mean = float((one - other).mean())
    share = mean / float(other.mean())
    if seeds < 2:
        return Difference(mean, share, None, None, None, None)
    paired = (one - other).mean(1)
    parts = [((one.mean(0).var(ddof=1) + other.mean(0).var(ddof=1)) / seeds, 2.0 * (seeds - 1))]
    if units > 1:
        parts.append((paired.var(ddof=1) / units, float(units - 1)))
    variance = float(sum(part for part, _ in parts))
    if variance == 0:
        return Difference(mean, share, mean, mean, float(mean == 0), None)
    freedom = variance**2 / float(sum(part**2 / free for part, free in parts))
    error = math.sqrt(variance)
    reach = within(LEVEL, freedom) * error
    return Difference(mean, share, mean - reach, mean + reach, two_sided(mean / error, freedom), freedom)


def adjusted(probabilities: Sequence[float | None]) -> list[float | None]:
    """The same for several comparisons at once, so that one false alarm among all is as rare as asked (Holm 1979)."""
    known = sorted((p, place) for place, p in enumerate(probabilities) if p is not None)
    found: list[float | None] = [None] * len(probabilities)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        found[place] = highest
    return found
