"""How long the model knows its holidays, and when readings come whose forecasts reach beyond that: said, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import time as midnight
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datasets.frequency import Frequency
from service.bundle import Manifest
from service.events import Observer
from service.frames import History
from service.sessions import SessionTable

EVERY = 60.0  # seconds from one look at the sessions to the next


class KnownHolidays:
    """Of one model. After the last day that it knows all days are ordinary ones to it: its forecasts go on, and who
    serves it is told to train anew.
    """

    def __init__(self, manifest: Manifest, table: SessionTable, observer: Observer, clock: Callable[[], float]) -> None:
        self.passed = False  # whether a forecast has reached a day of which it knows nothing
        self._frequency = Frequency.parse(manifest.frequency)
        self._until = manifest.holidays_until
        self._table = table
        self._observer = observer
        self._clock = clock
        self._next = clock()
        self._last = 0
        if self._until is not None:
            day = datetime.combine(self._until + timedelta(1), midnight(), _zone(manifest.calendar_zone))
            # of the last reading whose forecast ends within it; times without a zone are counted as those of UTC are
            self._last = int(day.timestamp()) - manifest.horizon * self._frequency.size - 1

    def asked(self, histories: Sequence[History]) -> None:
        """Forecasts of these are asked for; some may have no reading."""
        if self._until is not None and not self.passed:
            self._told(max((int(each.times[-1]) for each in histories if len(each.times)), default=0))

    def seconds(self) -> float | None:
        """As of a chore: until the next look at the sessions; None if there is nothing to be seen any more."""
        return None if self._until is None or self.passed else max(0.0, self._next - self._clock())

    def piece(self) -> None:
        self._next = self._clock() + EVERY
        table = self._table
        spoken = (table.key > 0) & (table.last_step >= 0)
        times = table.start[spoken] + table.last_step[spoken] * self._frequency.size
        self._told(int(times.max(initial=0)))

    def _told(self, newest: int) -> None:
        if newest > self._last and self._until is not None:
            self.passed = True
            self._observer.holidays_passed(self._until.isoformat())


def _zone(name: str | None) -> tzinfo:
    try:
        return UTC if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a machine without that zone's rules: a day more or less
        return UTC
