"""Holidays as a graph can know them: flags by day in a table, looked up from times alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from datasets.frequency import DAY, Frequency
from datasets.holidays import number
from models.config import ForecasterConfig
from models.zone import changes

NO_CHANGE = 2**62  # after any time


class HolidayFlags(nn.Module):
    """Of times (…) of int64 seconds -> (…, flags) float32: whether the day of each is a holiday of each source, and the
    days of the readings that its seasons repeat.

    A step ahead needs both: its own day, and whether what was read a season before it was out of the ordinary. Days are
    those of the times' own clock; with a zone times are UTC and days the zone's. Two tables by day hold what a year
    brings, so that a look costs the same however many days there are: no holiday before the first and after the last.
    """

    flags: Tensor  # (days, sources) float32, the first and the last row of days without a name
    clock: Tensor  # of days of UTC, (days, 3) int64: seconds east at its beginning, the moment of a change, by how much
    back: Tensor
    steps: Tensor

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__()
        assert config.holidays is not None
        frequency, days = Frequency.parse(config.frequency), config.holidays.days()
        self.size = config.holiday_flags
        self.first = min((day for each in days for day in each), default=number(config.holidays.until)) - 1
        self.days = number(config.holidays.until) + 2 - self.first
        flags = torch.zeros(self.days, len(days))
        for source, each in enumerate(days):
            flags[[day - self.first for day in each], source] = 1.0
        self.zoned = config.calendar_zone is not None
        if config.calendar_zone is not None:
            clock = torch.tensor(_clock(config.calendar_zone, self.first, self.days), dtype=torch.int64)
            self.register_buffer("clock", clock, persistent=False)
        self.step, self.horizon = frequency.size, config.horizon
        back = [0, *(lag * self.step for lag in config.lags)]
        self.register_buffer("flags", flags, persistent=False)
        self.register_buffer("back", torch.tensor(back, dtype=torch.int64), persistent=False)
        self.register_buffer("steps", self.step * torch.arange(1, config.horizon + 1), persistent=False)

    def after(self, count: int) -> Tensor:
        """Seconds to each of the next `count` steps, (count,)."""
        if count == self.horizon:
            return self.steps
        return self.step * torch.arange(1, count + 1, device=self.steps.device)

    def forward(self, times: Tensor) -> Tensor:
        times = times.unsqueeze(-1) - self.back  # (…, 1 + lags)
        if self.zoned:
            clock = embedding(self._row(times), self.clock)  # (…, 1 + lags, 3)
            east, moment, more = clock.unbind(-1)
            times = times + east + torch.where(times >= moment, more, 0)
        return embedding(self._row(times), self.flags).flatten(-2)

    def _row(self, times: Tensor) -> Tensor:
        """That of each time's day in a table; of days outside of it, the outermost."""
        return (times - self.first * DAY).clamp(0, self.days * DAY - 1) // DAY


def _clock(zone: str, first: int, days: int) -> list[tuple[int, int, int]]:
    """Of so many days of UTC from `first` on: how far east the zone's clock is at its beginning, and its change."""
    east = changes(zone)
    table, offset, done = [], east.first, 0
    for day in range(first, first + days):
        while done < len(east.moments) and east.moments[done] <= day * DAY:
            offset += east.more[done]
            done += 1
        within = done < len(east.moments) and east.moments[done] < (day + 1) * DAY
        table.append((offset, east.moments[done], east.more[done]) if within else (offset, NO_CHANGE, 0))
    return table
