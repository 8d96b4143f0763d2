"""Calendar features from times alone: smooth cycles of the series' own wall clock."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.zone import changes

DAY = 86_400
BEGINNING = -(2**62)  # before any time
# name -> (period in seconds, offset in seconds, harmonics); 1970-01-01 was a Thursday, weeks start on Monday
CYCLES = {
    "time_of_day": (DAY, 0, 3),
    "day_of_week": (7 * DAY, 3 * DAY, 3),
    "time_of_year": (31_556_952, 0, 2),
}


class Calendar(nn.Module):
    """Sines and cosines of the chosen cycles: times (…) of int64 seconds -> (…, size).

    Times are those of the cycles' own clock; with a `zone` they are UTC, and the clock is that of the zone, which is
    put forward and back.
    """

    moments: Tensor
    more: Tensor
    period: Tensor
    offset: Tensor
    angular: Tensor

    def __init__(self, names: tuple[str, ...], zone: str | None = None) -> None:
        super().__init__()
        unknown = [name for name in names if name not in CYCLES]
        if unknown:
            raise ValueError(f"unknown calendar features {unknown}; choose among {sorted(CYCLES)}")
        cycles = [CYCLES[name] for name in names]
        rows = [(period, offset, k) for period, offset, count in cycles for k in range(1, count + 1)]
        self.size = 2 * len(rows)
        self.zoned = zone is not None
        if zone is not None:
            east = changes(zone)
            moments, more = (BEGINNING, *east.moments), (east.first, *east.more)
            self.register_buffer("moments", torch.tensor(moments, dtype=torch.int64), persistent=False)
            self.register_buffer("more", torch.tensor(more, dtype=torch.int64), persistent=False)
        self.register_buffer("period", torch.tensor([row[0] for row in rows], dtype=torch.int64), persistent=False)
        self.register_buffer("offset", torch.tensor([row[1] for row in rows], dtype=torch.int64), persistent=False)
        angular = [2 * math.pi * row[2] / row[0] for row in rows]
        self.register_buffer("angular", torch.tensor(angular, dtype=torch.float32), persistent=False)

    def forward(self, times: Tensor) -> Tensor:
        if self.zoned:
            times = times + torch.where(times.unsqueeze(-1) >= self.moments, self.more, 0).sum(-1)
        within = torch.remainder(times.unsqueeze(-1) + self.offset, self.period)  # (…, cycles) whole seconds: exact
        angle = within.to(torch.float32) * self.angular
        return torch.cat([torch.sin(angle), torch.cos(angle)], -1)  # (…, size)
