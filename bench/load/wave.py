"""The readings that are sent: a week of hours, again and again."""

from __future__ import annotations

import math

WAVE = [round(100 + 30 * math.sin(hour * math.tau / 24) + 7 * math.sin(hour), 2) for hour in range(24 * 7)]


def reading(step: int) -> float:
    """That of a step."""
    return WAVE[step % len(WAVE)]
