"""When the clocks of a time zone are put forward or back, as a graph can know it: moments, and by how much."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEK = 604_800
BEGIN, END = 0, 4_102_444_800  # 1970 to 2100, by the rules that are known today


class Changes(NamedTuple):
    """Seconds east of UTC at the beginning, and the moments, in UTC, from which on there are so many more."""

    first: int
    moments: tuple[int, ...]
    more: tuple[int, ...]


@lru_cache(maxsize=16)
def changes(zone: str) -> Changes:
    """Of an IANA zone, such as Europe/Berlin; ValueError if there is none of that name."""
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"the time zone {zone!r} is not known: name one such as Europe/Berlin") from None

    def offset(moment: int) -> int:
        east = datetime.fromtimestamp(moment, info).utcoffset()
        assert east is not None
        return int(east.total_seconds())

    moments, more = [], []
    for week in range(BEGIN, END, WEEK):
        before, low, high = offset(week), week, week + WEEK
        if offset(high) == before:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == before else (low, middle)
        moments.append(high)
        more.append(offset(high) - before)
    return Changes(offset(BEGIN), tuple(moments), tuple(more))
