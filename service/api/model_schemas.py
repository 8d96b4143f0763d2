"""What operators and their machines are answered: the model, its limits, whether it is ready."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from service.api.told_schemas import Answered


class Limits(Answered):
    body_bytes: int
    frame_bytes: int
    history_steps: int
    series_per_request: int
    readings_per_frame: int
    gap_steps: int = Field(description="left out before one reading that enter as missing, where gaps=missing")
    handles_per_stream: int
    frames_in_flight: int
    sessions_per_tenant: int | None = None
    streams_per_tenant: int | None = None
    readings_per_second: float | None = None
    requests_per_second: float | None = None
    largest_value: float


class ModelAnswer(Answered):
    """What is served here."""

    name: str
    digest: str
    architecture: str
    created: str
    frequency: str
    time_zone: str | None
    calendar_zone: str | None = Field(None, description="whose clock its days are of, where that is another one")
    holidays: list[str] = Field([], description="whose holidays it knows by itself")
    holidays_until: str | None = Field(None, description="the last day of which it knows whether it is one")
    horizon: int
    quantiles: list[float]
    target: str
    covariates: list[str]
    future: list[str] = Field(description="covariates that are known ahead; each forecast needs their values")
    static: list[str] = Field(description="features that never change in a series")
    non_negative: bool = Field(description="no forecast is below zero")
    integer: bool = Field(description="forecasts are whole numbers")
    streams: bool
    context: int
    gates: dict[str, int] = Field(description="units by layer.gate, for those who ask for gates")
    longest_history: int
    state_bytes: int = Field(description="what one session's state takes")
    metrics: dict[str, Any] = Field(description="errors on the held-out end, beside the seasonal naive's")
    training: dict[str, Any] = Field(description="how it was trained, on what, and where the held-out end begins")
    runtime: str
    device: str
    durable: str
    worker: int = Field(description="which of the workers answers, counted from 0")
    workers: int = Field(description="among so many sessions are dealt")
    protocol: int = Field(description="version of the stream's protocol")
    limits: Limits


class Ready(Answered):
    ready: bool
    reason: str | None = None


class Live(Answered):
    live: bool
