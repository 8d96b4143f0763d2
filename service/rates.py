"""How much each tenant may send a second: readings, and requests."""

from __future__ import annotations

import math
from collections.abc import Callable

from service.limit_errors import RateLimited
from service.settings import Settings

_NEARLY = 1e-9  # of one; sums of many small times are not exact
_FINEST = 1000  # parts of a second in what is told


class Bucket:
    """Holds at most `burst`, and fills by `per_second`.

    What is more than it can ever hold is let through when it is full, and then paid off before anything else is.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = self._held = max(1.0, burst)
        self._clock = clock
        self._at = clock()

    def take(self, count: int) -> float:
        """Takes so many and returns 0; or takes none and returns the seconds until there are enough."""
        now = self._clock()
        self._held = min(self._burst, self._held + (now - self._at) * self._per_second)
        self._at = now
        lacking = min(count, self._burst) - self._held
        if lacking > _NEARLY:
            return lacking / self._per_second
        self._held -= count
        return 0.0


class Pace:
    """What one tenant may send of one thing."""

    def __init__(self, what: str, per_second: float, bucket: Bucket) -> None:
        self._what = what
        self._per_second = per_second
        self._bucket = bucket

    def take(self, count: int) -> None:
        """`RateLimited` where these are too many for now; then they are not counted."""
        seconds = self._bucket.take(count)
        if seconds:
            later = math.ceil(seconds * _FINEST) / _FINEST
            raise RateLimited(
                f"{self._per_second:g} {self._what} a second may be sent here; nothing was recorded, send this again "
                f"in {later:g} s",
                retry_after_seconds=later,
            )


class Rates:
    """The paces of all tenants. Asked from the event loop alone; tenants are as many as the file of keys has."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._burst = settings.burst_seconds
        self._clock = clock
        self._readings, self._requests = settings.readings_per_second, settings.requests_per_second
        self._of: dict[tuple[str, str], Pace] = {}

    def readings(self, tenant: str) -> Pace | None:
        """Of a tenant's readings, on all its connections; None where there is no bound."""
        return self._pace("readings", tenant, self._readings)

    def requests(self, tenant: str) -> Pace | None:
        """Of a tenant's requests."""
        return self._pace("requests", tenant, self._requests)

    def _pace(self, what: str, tenant: str, per_second: float | None) -> Pace | None:
        if per_second is None:
            return None
        if (pace := self._of.get((what, tenant))) is None:
            bucket = Bucket(per_second, per_second * self._burst, self._clock)
            pace = self._of[what, tenant] = Pace(what, per_second, bucket)
        return pace
