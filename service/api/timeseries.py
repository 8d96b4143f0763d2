"""/v1/timeseries: whole histories in the shape of KServe's protocol; forecasts are those of /v1/predict."""

from __future__ import annotations

import secrets
import time
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter

from datasets.frequency import Frequency
from service.api import bodies, openapi, schemas
from service.api.callers import READ, needs
from service.api.edge import Edge
from service.api.predict import BODY_ERRORS, FUTURE_ERRORS, HISTORY_ERRORS, STATIC_ERRORS, forecast
from service.api.timeseries_schemas import TimeSeries, TimeSeriesAnswer, TimeSeriesForecast, TimeSeriesRequest
from service.errors import (
    EmptyRequest,
    HorizonTooLong,
    InvalidValue,
    MissingCovariates,
    TooManySeries,
    UnknownQuantile,
    WrongType,
)
from service.inference_errors import UnknownModel

_ONE: Final = "univariate_time_series"
_MANY: Final = "multivariate_time_series"
_LETTERS = {"M": "1mo", "Q": "1q", "Y": "1y"}  # which the protocol has, and ours takes for several things


class _Forecast(msgspec.Struct):
    ds: list[schemas.Time]
    median: list[float]
    quantiles: dict[str, list[float]]


_REQUEST: TypeAdapter[TimeSeriesRequest] = TypeAdapter(TimeSeriesRequest)
_FORECAST = msgspec.json.Decoder(_Forecast)


def router(edge: Edge) -> APIRouter:
    """The endpoints, around this edge."""
    routes = APIRouter(prefix="/v1/timeseries", tags=["forecasts"])
    name = edge.bundle.manifest.name

    @routes.get(
        "/models",
        summary="Which models forecast time series here",
        response_class=Response,
        responses=openapi.answers({200: (list[str], {"this model": [name]})}),
    )
    @needs(READ)
    async def models() -> Response:
        return openapi.json_response([name])

    @routes.post(
        "/forecast",
        summary="Forecast series from their histories, in the shape of KServe's protocol",
        response_class=Response,
        responses=openapi.answers(
            {200: (TimeSeriesAnswer, {"one series": _answer_example(edge, name)})},
            UnknownModel, EmptyRequest, TooManySeries, HorizonTooLong, UnknownQuantile,
            *BODY_ERRORS, *HISTORY_ERRORS, *FUTURE_ERRORS, *STATIC_ERRORS,
        ),
        openapi_extra=openapi.body(TimeSeriesRequest, {"one series": _request_example(edge, name)}),
    )  # fmt: skip
    @needs(READ)
    async def timeseries(request: Request) -> Response:
        sent = await bodies.read(request, _REQUEST)
        if sent is None:
            raise EmptyRequest("a body was expected; see /docs for one")
        if sent.model != name:
            raise UnknownModel(f"this service forecasts with {name!r}, got another model", models=[name])
        series = [_series(edge, at, each) for at, each in enumerate(sent.inputs)]
        asked = schemas.PredictRequest(
            series=series, horizon=sent.options.horizon, quantiles=sent.options.quantiles, sums=None
        )
        found = (await bodies.while_there(request, forecast(edge, asked)))["series"]
        assert isinstance(found, list)
        return openapi.json_response(_answer(edge, sent, [_FORECAST.decode(bytes(each)) for each in found]))

    return routes


def _series(edge: Edge, at: int, sent: TimeSeries) -> schemas.Series:
    """As /v1/predict takes it; `InvalidValue`, `MissingCovariates`, `WrongType`."""
    where, covariates = f"inputs[{at}]", edge.bundle.manifest.covariates
    _check_frequency(edge, where, sent.frequency)
    columns: dict[str, list[float | None]] = {}
    if sent.type == _MANY:
        width = 1 + len(covariates)
        rows = [row for row in sent.series if isinstance(row, list) and len(row) == width]
        if len(rows) < len(sent.series):
            raise WrongType(f"{where}.series: rows of {width} numbers were expected, the target and then {covariates}")
        target, *others = ([row[column] for row in rows] for column in range(width))
        columns = dict(zip(covariates, others, strict=True))
    else:
        target = [each for each in sent.series if not isinstance(each, list)]
        if len(target) < len(sent.series):
            raise WrongType(f"{where}.series: a list of numbers was expected of a univariate series, got lists in it")
        if covariates:
            raise MissingCovariates(
                f"{where}: this model needs the covariates {', '.join(covariates)} too: send a {_MANY}",
                missing=list(covariates),
            )
    return schemas.Series(
        unique_id=str(at),
        start=sent.start_timestamp,
        ds=None,
        y=target,
        covariates=columns,
        future=sent.future,
        static=sent.static,
    )


def _check_frequency(edge: Edge, where: str, text: str | None) -> None:
    if text is None:
        return
    own = edge.clock.frequency
    try:
        same = Frequency.parse(_LETTERS.get(text, text)) == own
    except ValueError:
        same = False
    if not same:
        raise InvalidValue(f"{where}.frequency: this model forecasts series of {own.alias}; send such, or leave it out")


def _answer(edge: Edge, sent: TimeSeriesRequest, found: list[_Forecast]) -> dict[str, object]:
    wanted = sent.options.quantiles is not None
    content = [
        TimeSeriesForecast(
            type=_ONE,
            name=each.name,
            mean_forecast=forecast.median,
            frequency=each.frequency or edge.clock.frequency.alias,
            start_timestamp=str(forecast.ds[0]),
            quantiles=forecast.quantiles if wanted else None,
        ).model_dump()
        for each, forecast in zip(sent.inputs, found, strict=True)
    ]
    read, told = sum(len(each.series) for each in sent.inputs), sum(len(each.median) for each in found)
    return _whole(sent.model, content, read, told)


def _whole(model: str, content: list[dict[str, object]], read: int, told: int) -> dict[str, object]:
    """The answer around forecasts; what it counts are steps."""
    own, created = secrets.token_hex(8), int(time.time())
    output = {"type": "time_series_forecast", "id": f"output-{own}", "status": "completed", "content": content}
    usage = {"prompt_tokens": read, "completion_tokens": told, "total_tokens": read + told}
    head = {"id": f"forecast-{own}", "created_at": created, "status": "completed", "error": None, "model": model}
    return {**head, "outputs": [{**output, "error": None}], "usage": usage}


def _request_example(edge: Edge, name: str) -> dict[str, object]:
    manifest = edge.bundle.manifest
    calendar = edge.clock.frequency.has_calendar
    rows = [[value] * (1 + len(manifest.covariates)) for value in (10845.0, 9821.0, 8532.0)]
    series: dict[str, object] = {
        "type": _MANY if manifest.covariates else _ONE,
        "name": "taxi",
        "series": rows if manifest.covariates else [row[0] for row in rows],
        "frequency": edge.clock.frequency.alias,
        "start_timestamp": "2015-01-10T00:00:00" if calendar else 0,
    }
    if manifest.future:
        series["future"] = {each: [20.5] * manifest.horizon for each in manifest.future}
    if manifest.static:
        series["static"] = dict.fromkeys(manifest.static, 12.5)
    return {"model": name, "inputs": [series], "options": {"horizon": 1, "quantiles": [manifest.quantiles[0]]}}


def _answer_example(edge: Edge, name: str) -> dict[str, object]:
    found: dict[str, object] = {
        "type": _ONE,
        "name": "taxi",
        "mean_forecast": [8011.0],
        "frequency": edge.clock.frequency.alias,
        "start_timestamp": "2015-01-10T01:30:00",
        "quantiles": {str(edge.levels.quantiles[0]): [7800.5]},
    }
    return _whole(name, [found], 3, 1)
