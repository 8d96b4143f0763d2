"""When frames are due: the open loop, in which nobody waits for an answer before the next one comes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from commands.loading.plan import Plan


def arrivals(plan: Plan) -> Iterator[float]:
    """Seconds from the start, ascending, until the plan's end."""
    return _by_chance(plan) if plan.arrivals == "chance" else _evenly(plan)


def _evenly(plan: Plan) -> Iterator[float]:
    """At equal distances, as from one machine that polls."""
    for number in range(int(plan.frames_per_second * plan.whole + 1e-9)):
        yield number / plan.frames_per_second


def _by_chance(plan: Plan) -> Iterator[float]:
    """A Poisson process: many clients that know nothing of each other, so that some come at once."""
    chance = random.Random(plan.seed)
    due = chance.expovariate(plan.frames_per_second)
    while due < plan.whole:
        yield due
        due += chance.expovariate(plan.frames_per_second)
