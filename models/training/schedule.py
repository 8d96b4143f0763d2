"""The learning rate by step: a linear warm-up, then half a cosine down to a fraction of the peak."""

from __future__ import annotations

import math

FLOOR = 0.01  # of the peak, at the end


def rate_at(step: int, steps: int, peak: float, warm_up: int) -> float:
    """The rate of step `step` (from 0) of `steps` (Loshchilov and Hutter 2017, arXiv:1608.03983)."""
    warm_up = min(warm_up, max(1, steps // 5))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    way = (step - warm_up) / max(1, steps - warm_up)
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, way))))
