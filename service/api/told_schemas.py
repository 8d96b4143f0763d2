"""What answers may tell beside a forecast: gates, the regime, how good forecasts are, anomalies, drift."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answered(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Gate(Answered):
    """One gate of one layer at one reading. An update gate z near 1 keeps the past, as does an LSTM's f."""

    mean: float
    quartiles: list[float] = Field(description="of its units: the lower quartile, the median, the upper quartile")
    saturated: float = Field(description="share of its units within 1/256 of either end of their range")
    units: list[float] | None = Field(None, description="each unit, where they were asked for")


class Regime(Answered):
    """Whether many reset gates have left their own recent range at once (docs/regime.md)."""

    flag: bool
    score: float | None = Field(description="null as long as the session's baseline is being learned")
    since: int | None = Field(description="the step at which the flag went up; null where it is down")


class ScoredSteps(Answered):
    """Of the forecasts so many steps ahead, running means; null as long as there is nothing to take them from."""

    steps: int
    scored: int = Field(description="forecasts whose reading has come, at most 2^24")
    error: float | None = Field(description="mean absolute error of the median, in the target's units")
    quantile_loss: float | None = Field(description="mean over the quantiles")
    coverage: float | None = Field(description="share of readings in the band")
    naive: float | None = Field(description="mean absolute error of the seasonal naive")
    skill: float | None = Field(description="1 - the median's error / the naive's, both of the same readings")


class Quality(Answered):
    """How good a session's forecasts have been lately (docs/quality.md)."""

    band: float = Field(description="the share of readings that should lie in the band whose coverage is told")
    ahead: list[ScoredSteps] = Field(description="for a few numbers of steps ahead, the last one the horizon")


class Anomaly(Answered):
    """How rare the last reading is: nulls where it was missing, or was not forecast; p also while it is learned."""

    flag: bool
    p: float | None = Field(description="share of this session's readings that begin an alarm of this height")
    surprise: float | None = Field(description="-ln of twice its tail in its own forecast, one step ahead")
    side: Literal["low", "high"] | None
    lasts: bool = Field(description="true: not this one reading is what is rare but that many lie on one side")


class Drift(Answered):
    """Whether the recent readings have another level or spread than those of longer ago."""

    flag: bool
    score: float | None = Field(description="divergence of both distributions; null as long as there are too few")


class OverallSteps(Answered):
    """Of the forecasts so many steps ahead of all scored sessions: the newest ones, but for their number."""

    steps: int
    scored: int = Field(description="forecasts whose reading has come, since this process serves the model")
    error: float | None = Field(description="mean over readings of the error / the session's mean error of the naive")
    quantile_loss: float | None = Field(description="likewise")
    coverage: float | None = Field(description="share of readings in the band")
    skill: float | None = Field(description="1 - the sum of errors / the sum of the naive's, in the same units")


class OverallQuality(Answered):
    digest: str
    serving: bool = Field(description="whether it is the model that serves now")
    band: float
    readings: int = Field(description="turns of scored sessions: readings, but for those of one session in one frame")
    anomalies: int = Field(description="turns with a reading rarer than `anomaly_rate` of the service")
    ahead: list[OverallSteps]


class OverallAnswer(Answered):
    models: list[OverallQuality] = Field(description="the newest first, at most eight")


class QualityAnswer(Answered):
    session: str
    step: int = Field(description="the last recorded reading")
    quality: Quality
    ds: str | int
    anomaly: Anomaly
    drift: Drift
    regime: Regime | None = Field(None, description="of a session that is watched too")
