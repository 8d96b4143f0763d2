"""How good the forecasts of a session that was opened with `quality` are, how rare its last reading is, its drift."""

from __future__ import annotations

from typing import Literal

import msgspec


class ScoredSteps(msgspec.Struct, frozen=True, kw_only=True):
    """Of the forecasts so many steps ahead, running means; None as long as there is nothing to take them from."""

    steps: int
    scored: int  # forecasts whose reading has come
    error: float | None  # mean absolute error of the median, in the target's units
    quantile_loss: float | None  # mean over the quantiles
    coverage: float | None  # share of readings in the band
    naive: float | None  # mean absolute error of the seasonal naive
    skill: float | None  # 1 - the median's error / the naive's, of the same readings


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How good a session's forecasts have been lately."""

    band: float  # the share of readings that should lie in the band whose coverage is told
    ahead: list[ScoredSteps]


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """How rare a reading is: None where it was missing, or was not forecast."""

    flag: bool
    p: float | None  # share of this session's readings that begin an alarm of this height
    surprise: float | None  # -ln of twice its tail in its own forecast, one step ahead
    side: Literal["low", "high"] | None
    lasts: bool  # not this one reading is what is rare but that many lie on one side


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the recent readings have another level or spread than those of longer ago."""

    flag: bool
    score: float | None
