"""What clients send and are answered, defined once; the stream's fast form is derived from here (frames.py)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api.told_schemas import Anomaly, Answered, Gate, Quality, Regime
from service.frames import LONGEST_TTL

Time = str | int
Number = Annotated[float, Field(allow_inf_nan=False)]
Values = Annotated[list[Number | None], Field(fail_fast=True)]
Known = dict[str, Values]
Features = dict[str, Number | None]
Times = Annotated[list[Time], Field(fail_fast=True)]


_FUTURE = (
    "values of the covariates that are known ahead (`future` of GET /v1/model), all of them: one for each step to be "
    "forecast, null where one is unknown"
)
_STATIC = "features that never change in the series, all that the model knows (`static` of GET /v1/model), or null"


_SUMS = (
    "true: the sum over all steps of the answer, with its quantiles; or numbers of steps, a sum over the first so many "
    "each, up to the trained horizon"
)
Summed = bool | list[int]
_ANOMALY = "true: how rare each session's newest reading is; or the rate of false alarms at which it is flagged"


class Sent(BaseModel):
    """What a client sends: no field more than the schema's, no type converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class History(Sent):
    """Consecutive readings on the model's grid, oldest first."""

    start: Time | None = Field(None, description="time of the first value; or send `ds`")
    ds: Times | None = Field(None, description="one time for each value: consecutive steps; a missing step is a null y")
    y: Values = Field(description="the target; null where a reading is missing")
    covariates: dict[str, Values] = Field(
        default_factory=dict, description="by name, as long as y; all that the model knows (GET /v1/model)"
    )


class Series(History):
    unique_id: str = Field(min_length=1, max_length=200, description="comes back with the forecast")
    future: Known | None = Field(None, description=_FUTURE)
    static: Features | None = Field(None, description=_STATIC)


class PredictRequest(Sent):
    series: Annotated[list[Series], Field(fail_fast=True)]
    horizon: int | None = Field(None, description="steps ahead, up to the trained horizon, which is the default")
    quantiles: list[Number] | None = Field(None, description="chosen among the trained ones; by default all")
    sums: Summed | None = Field(None, description=_SUMS)


class SessionRequest(Sent):
    """A session's beginning; without a history the first reading sets it, or `start` does."""

    start: Time | None = Field(None, description="time of step 0")
    history: History | None = Field(None, description="readings to begin with: steps 0, 1, …")
    static: Features | None = Field(None, description=_STATIC)
    regime: bool = Field(False, description="watch its gates at every reading, and flag a change of regime")
    calibrate: bool = Field(False, description="calibrate the bands of its forecasts by each reading that comes")
    quality: bool | None = Field(None, description="score its forecasts by each reading; else as the service is set")
    ttl_seconds: int | None = Field(
        None,
        ge=0,
        le=LONGEST_TTL,
        description="without a reading for so long it expires; 0: never. By default as the service is set, else never",
    )


class Observation(Sent):
    """One reading. Name its place by `step` or `ds` (then sending it again does no harm), or by neither."""

    y: Number | None = Field(description="the target; null where the reading is missing")
    step: int | None = Field(None, description="its number in the session, from 0")
    ds: Time | None = Field(None, description="its time: step = (ds - start) / frequency")
    covariates: Features | None = Field(None, description="by name, all that the model knows")
    future: Known | None = Field(None, description=f"{_FUTURE}; on the newest reading of its session")


class StreamObservation(Observation):
    """One reading of a stream, which says whose it is."""

    session: str


class StreamFrame(Sent):
    """Readings with what their answers shall hold; a frame may also be one reading, or a list of them."""

    observations: list[StreamObservation]
    horizon: int | None = None
    quantiles: list[Number] | None = None
    sums: Summed | None = Field(None, description=_SUMS)
    gates: bool | Literal["summary", "units"] | None = None
    every: int | Literal["none"] | None = Field(None, description="a forecast after every n-th step alone, or none")
    gaps: Literal["error", "missing"] | None = Field(None, description="missing: steps left out enter as missing")
    quality: bool | None = Field(None, description="whether answers tell how good forecasts have been")
    anomaly: bool | float | None = Field(None, description=_ANOMALY)


class StreamHandles(Sent):
    """Sessions that this stream is to call by number from now on: on from the last one, in the order given."""

    handles: list[str]


class StreamColumns(Sent):
    """Many readings, one column for each of their fields; in MessagePack a column of numbers may be raw bytes."""

    sessions: list[int | str] = Field(description="handles of this stream, or names")
    y: Values = Field(description="the target; null where the reading is missing")
    steps: list[int | None] | None = None
    ds: list[Time | None] | None = None
    covariates: dict[str, Values] | None = Field(None, description="by name, all that the model knows")
    horizon: int | None = None
    quantiles: list[Number] | None = None
    sums: Summed | None = Field(None, description=_SUMS)
    gates: Literal[False] | None = Field(None, description="columns carry none")
    every: int | Literal["none"] | None = None
    gaps: Literal["error", "missing"] | None = None
    quality: bool | None = None
    anomaly: bool | float | None = Field(None, description=_ANOMALY)


class CorrectionRequest(Sent):
    """Readings that were wrong, late or missing, of any steps in any order; each names its place by step or ds."""

    readings: list[Observation]
    gaps: Literal["error", "missing"] = Field(
        "error", description="missing: steps that are skipped behind the last one enter as missing values"
    )


class RewindRequest(Sent):
    step: int = Field(ge=-1, description="the last step that shall stay; -1: none")


class ForkRequest(Sent):
    session: str = Field(description="the name of the copy")
    step: int | None = Field(None, ge=0, description="the last step of the copy; by default all of them")


class ForecastRequest(Sent):
    """What a session's forecast shall hold, and what is known ahead of it."""

    future: Known | None = Field(None, description=_FUTURE)
    horizon: int | None = Field(None, description="steps ahead, up to the trained horizon, which is the default")
    quantiles: list[Number] | None = Field(None, description="chosen among the trained ones; by default all")
    sums: Summed | None = Field(None, description=_SUMS)


class ModelName(Answered):
    name: str
    digest: str = Field(description="sha256 of the bundle's manifest")


class StepSum(Answered):
    """The sum over the first steps of a forecast. Its quantiles are not the sums of the steps' quantiles."""

    steps: int
    median: float
    quantiles: dict[str, float] = Field(description="by level, as those of the steps")


class Forecast(Answered):
    ds: list[Time] = Field(description="times of the forecast's steps")
    median: list[float]
    quantiles: dict[str, list[float]] = Field(description="by level: '0.1', '0.5', …; never crossing")
    sums: list[StepSum] | None = Field(None, description="where they were asked for, in that order")


class SeriesForecast(Forecast):
    unique_id: str


class PredictAnswer(Answered):
    model: ModelName
    series: list[SeriesForecast] = Field(description="in the order sent")


class SessionAnswer(Answered):
    session: str
    start: Time | None = Field(description="time of step 0; null until the first reading sets it")
    last_step: int | None = Field(description="number of the last recorded reading; null when there is none")
    last_ds: Time | None
    next_step: int = Field(description="the step expected next")
    revision: int
    durable: str = Field(description="what a recorded reading survives: none, process (kill -9), disk (power cut)")
    created: bool
    static: dict[str, float | None] | None = Field(None, description="where the model knows static features")
    regime: bool | None = Field(None, description="true: made to be watched")
    calibrate: bool | None = Field(None, description="true: made to be calibrated")
    quality: bool | None = Field(None, description="true: made to be scored")
    first_step: int | None = Field(None, description="the oldest reading that is kept, where older ones were let go of")
    first_ds: Time | None = Field(None, description="and its time")
    ttl_seconds: int | None = Field(None, description="without a reading for so long it expires")
    parent: str | None = Field(None, description="the session that it is a fork of")
    seen: str | None = Field(None, description="in listings: when its last reading came, UTC, to about a minute")
    expired: bool | None = Field(None, description="true, in listings: only where it stood is left")


class SessionsAnswer(Answered):
    sessions: list[SessionAnswer] = Field(description="in the order of their names, by code points")
    next: str | None = Field(description="send it as `after` for the next page; null: there is none")


class RevisedAnswer(SessionAnswer):
    changed: int = Field(description="recorded readings that have other values now, or were taken back")
    added: int = Field(description="readings that came behind the last one")
    filled: int = Field(description="steps that entered as missing")


class Acknowledgement(Answered):
    """A recorded reading; `forecast` is on the newest of its session, if it carries the `future` that it takes."""

    session: str
    step: int
    ds: Time
    durable: str
    repeated: bool | None = Field(None, description="true: this last step was recorded before, nothing advanced")
    filled: int | None = Field(None, description="steps before it that entered as missing, where gaps=missing")
    delivery: str | None = Field(None, description="at-most-once: neither step nor ds came, so a retry may repeat it")
    forecast: Forecast | None = None
    gates: dict[str, Gate] | None = Field(None, description="where they were asked for; not of one that was repeated")
    regime: Regime | None = Field(None, description="on the newest of a session that is watched")
    quality: Quality | None = Field(
        None, description="on the newest of a session that is scored, where it is asked for"
    )
    anomaly: Anomaly | None = Field(None, description="likewise")


class Fault(Answered):
    model_config = ConfigDict(extra="allow")

    code: str
    message: str


class Refusal(Answered):
    """A reading that was not recorded, and why."""

    session: str
    step: int | None = None
    error: Fault


class CurrentForecast(Answered):
    session: str
    step: int = Field(description="the last recorded reading, from which this forecast is made")
    ds: Time
    forecast: Forecast


class GatesAnswer(Answered):
    session: str
    step: int = Field(description="the last recorded reading, whose gates these are")
    ds: Time
    gates: dict[str, Gate] = Field(description="by layer.gate: 1.r (reset), 1.z (update), 1.n (candidate), …")


class RegimeAnswer(Answered):
    session: str
    step: int = Field(description="the last recorded reading")
    ds: Time
    regime: Regime


class Problem(BaseModel):
    """RFC 9457; beside these fields it may carry facts such as `expected_step`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="stable and machine-readable")
