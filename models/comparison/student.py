"""Student's t distribution: its tails and its quantiles."""

from __future__ import annotations

import math

ROUNDS = 300
ENOUGH = 1e-14
TINY = 1e-300


def two_sided(t: float, freedom: float) -> float:
    """The probability of a value at least as far from 0 as `t`, with so many degrees of freedom."""
    if math.isinf(t):
        return 0.0
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def within(level: float, freedom: float) -> float:
    """The distance from 0 that is passed with probability `level`, on both sides together."""
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > level:
        high *= 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, freedom) > level else (low, middle)
    return (low + high) / 2


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front / a * _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d1 / (1 + d2 / …)), by Lentz's method."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(ROUNDS):
        m = term // 2
        if term == 0:
            numerator = 1.0
        elif term % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 + numerator * d
        d = 1 / (d if abs(d) > TINY else TINY)
        c = 1 + numerator / c
        c = c if abs(c) > TINY else TINY
        step = c * d
        value *= step
        if abs(step - 1) < ENOUGH:
            break
    return value - 1
