"""What of its forecasts a client wants: the part of each, the gates beside it, how often, and what of gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from service.api.forecasts import Selection
from service.api.gate_summaries import Detail
from service.api.telling import NOTHING, Telling


class Asked(Protocol):
    """What a frame says of itself; None where it is as its connection."""

    horizon: int | None
    quantiles: list[float] | None
    sums: bool | list[int] | None
    gates: bool | str | None
    every: int | str | None
    gaps: str | None
    quality: bool | None
    anomaly: bool | float | None


@dataclass(frozen=True)
class Wish:
    """Of one connection, or of one frame that says otherwise."""

    selection: Selection
    gates: Detail | None = None
    every: int = 1  # as `Observations.every` of the engine
    fill: bool = False  # as `Observations.fill`
    telling: Telling = NOTHING
