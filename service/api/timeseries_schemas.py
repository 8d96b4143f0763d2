"""Bodies in the shape of KServe's time series protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api import schemas

Kind = Literal["univariate_time_series", "multivariate_time_series"]


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class TimeSeries(_Open):
    """Readings, oldest first; of a multivariate series the target and then the covariates, for each step."""

    type: Kind
    name: str = Field(max_length=200)
    series: schemas.Values | Annotated[list[schemas.Values], Field(fail_fast=True)]
    frequency: str | None = Field(None, max_length=20, description="H, hour, D, …; that of the model")
    start_timestamp: schemas.Time | None = None
    future: schemas.Known | None = Field(None, description="as of /v1/predict; no part of the protocol")
    static: schemas.Features | None = Field(None, description="as of /v1/predict; no part of the protocol")


class ForecastOptions(_Open):
    horizon: int
    quantiles: list[schemas.Number] | None = None


class TimeSeriesRequest(_Open):
    model: str = Field(max_length=200)
    inputs: Annotated[list[TimeSeries], Field(fail_fast=True)]
    options: ForecastOptions


class TimeSeriesForecast(BaseModel):
    type: Kind
    name: str
    mean_forecast: list[float] = Field(description="the median")
    frequency: str
    start_timestamp: str
    quantiles: dict[str, list[float]] | None = None


class TimeSeriesOutput(BaseModel):
    type: str
    id: str
    status: Literal["completed"]
    content: list[TimeSeriesForecast]
    error: None = None


class Usage(BaseModel):
    """Steps of histories, and steps that were forecast."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TimeSeriesAnswer(BaseModel):
    id: str
    created_at: int
    status: Literal["completed"]
    error: None = None
    model: str
    outputs: list[TimeSeriesOutput]
    usage: Usage
