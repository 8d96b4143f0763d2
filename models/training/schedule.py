"""The learning rate by step: a linear warm-up, then one of several ways down, chosen by name.

Each is a function of the way through the budget, from 0 after the warm-up to 1 at its end, and of the validation losses
so far, and gives a share of the peak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

FLOOR = 0.01  # of the peak, at the end
MILESTONES = (0.5, 0.75)  # of the way, where `step` drops
DROP = 0.1
WAIT = 3  # validations without a better one before `plateau` drops
PLATEAU_DROP = 0.3
RISE = 0.3  # of the way, while `onecycle` rises
RISE_FROM = 1 / 25

Schedule = Callable[[float, Sequence[float]], float]


def cosine(way: float, losses: Sequence[float]) -> float:  # noqa: ARG001 (the schedule's)
    """Half a cosine down to the floor (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, without restarts)."""
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * way))


def step(way: float, losses: Sequence[float]) -> float:  # noqa: ARG001
    """A tenth at half of the way and again at three quarters (He et al. 2016, arXiv:1512.03385, section 4.2)."""
    return float(DROP ** sum(way >= milestone for milestone in MILESTONES))


def exponential(way: float, losses: Sequence[float]) -> float:  # noqa: ARG001
    """Always by the same factor a step: floor ** way (exponential scheduling of Senior et al. 2013, ICASSP)."""
    return float(FLOOR**way)


def plateau(way: float, losses: Sequence[float]) -> float:  # noqa: ARG001
    """Down by a factor whenever several validations brought nothing better, never below the floor.

    As Krizhevsky et al. (2012, NeurIPS, section 5) did by hand. The count starts again after each drop.
    """
    best, waited, drops = math.inf, 0, 0
    for loss in losses:
        better = loss < best
        best = loss if better else best
        waited = 0 if better else waited + 1
        if waited == WAIT:
            drops, waited = drops + 1, 0
    return max(FLOOR, PLATEAU_DROP**drops)


def onecycle(way: float, losses: Sequence[float]) -> float:  # noqa: ARG001
    """Up to the peak in the first three tenths, then down to the floor, each half a cosine.

    Smith and Topin 2017, arXiv:1708.07120; their cycle is linear and ends lower still.
    """
    rising = way < RISE
    share = way / RISE if rising else (way - RISE) / (1 - RISE)
    here, there = (RISE_FROM, 1.0) if rising else (1.0, FLOOR)
    return there + (here - there) * 0.5 * (1 + math.cos(math.pi * share))


SCHEDULES: dict[str, Schedule] = {
    "cosine": cosine,
    "step": step,
    "exponential": exponential,
    "plateau": plateau,
    "onecycle": onecycle,
}


def rate_at(
    step: int, steps: int, peak: float, warm_up: int, schedule: str = "cosine", losses: Sequence[float] = ()
) -> float:
    """The rate of step `step` (from 0) of `steps`, `losses` being those of all validations before it.

    The first `warm_up` steps, at most a fifth of the budget, rise evenly to where the schedule begins (Goyal et al.
    2017, arXiv:1706.02677, section 2.2).
    """
    share = SCHEDULES[schedule]
    warm_up = min(warm_up, max(1, steps // 5))
    if step < warm_up:
        return peak * share(0.0, losses) * (step + 1) / warm_up
    way = (step - warm_up) / max(1, steps - warm_up)
    return peak * share(min(1.0, way), losses)
