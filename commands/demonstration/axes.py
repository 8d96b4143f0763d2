"""Where the ticks of a chart stand and how they are labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3_600, 86_400
_INTERVALS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 28 * DAY)
_LIMIT_STEPS = 12
_TIME_LABEL = 11  # columns that a label of the time axis takes, with a space


def nice_step(span: float, count: int) -> float:
    """A step of 1, 2 or 5 times a power of ten of which about `count` make the span."""
    if not span > 0:
        return 1.0
    raw = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)


def limits(low: float, high: float) -> tuple[float, float]:
    """Round limits a little outside of low and high, which do not move with every new value."""
    step = nice_step(max(high - low, abs(high) * 1e-6, 1e-9), _LIMIT_STEPS)
    first, last = math.floor(low / step), math.ceil(high / step)
    return first * step, max(last, first + 1) * step


def value_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round values between low and high."""
    step = nice_step(high - low, count)
    return [at * step for at in range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)]


def time_ticks(first: int, last: int, columns: int, calendar: bool) -> list[tuple[float, str]]:
    """Round times between two, each as its share of the way from first to last, with its label."""
    span = max(1, last - first)
    room = max(1, columns // _TIME_LABEL)
    if not calendar:
        interval = max(1, int(nice_step(span, room)))
    else:
        interval = next((each for each in _INTERVALS if span / each <= room), DAY * int(nice_step(span / DAY, room)))
    times = range(first + -first % interval, last + 1, interval)
    return [((time - first) / span, _label(time, interval) if calendar else f"{time:,}") for time in times]


def figures(values: Sequence[float]) -> str:
    """The format that shows these values with about four digits, and all alike."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest >= 1e9 or 0 < largest < 1e-3:
        return ".3e"
    return ",.0f" if largest >= 1000 else ",.1f" if largest >= 100 else ".2f" if largest >= 1 else ".4f"


def shown(value: float | None) -> str:
    """One value for people; a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else format(value, figures([value]))


def spoken(seconds: int, calendar: bool) -> str:
    """A time for people."""
    return f"{_date(seconds):%a %d %b %Y, %H:%M}" if calendar else f"{seconds:,}"


def _label(time: int, interval: int) -> str:
    if interval >= 28 * DAY:
        return f"{_date(time):%b %Y}"
    return f"{_date(time):%a %d %b}" if time % DAY == 0 else f"{_date(time):%H:%M}"


def _date(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
