"""The time of a session's last reading, as a state row keeps it: whole numbers that float32 holds exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from datasets.frequency import DAY

MOMENT = ("moment", 2)  # name and size of the slice: the day, and the second of it
NEVER = -(2**23)  # the day of a session without a reading: before any that has a name


def before_any(like: Tensor) -> Tensor:
    """The numbers of a row that has no reading yet, (2,)."""
    row = like.new_zeros(MOMENT[1], dtype=torch.float32)
    row[0] = NEVER
    return row


def written(times: Tensor) -> Tensor:
    """Times (batch,) of int64 seconds -> (batch, 2) float32."""
    second = torch.remainder(times, DAY)
    return torch.stack([(times - second) // DAY, second], 1).to(torch.float32)


def read(numbers: Tensor) -> Tensor:
    """The inverse of `written`."""
    whole = numbers.to(torch.int64)
    return whole[:, 0] * DAY + whole[:, 1]
