"""POST /v1/predict: histories of any lengths in, forecasts out, nothing kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter

from service.api import bodies, openapi, problems, schemas
from service.api.callers import READ, needs
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.forecasts import Selection
from service.api.histories import located
from service.api.items import Item
from service.errors import (
    DuplicateSeries,
    EmptyHistory,
    EmptyRequest,
    FutureLength,
    GatecastError,
    HistoryTooLong,
    HorizonTooLong,
    InvalidTime,
    InvalidValue,
    MalformedJson,
    MissingCovariates,
    MissingFuture,
    MissingStatic,
    OffGrid,
    Overloaded,
    TimeRequired,
    TooLarge,
    TooManySeries,
    UnknownCovariate,
    UnknownQuantile,
    UnknownStatic,
    UnsupportedMediaType,
    WrongType,
)
from service.frames import History
from service.limit_errors import MalformedGzip, TooSlow
from service.sums import NoSums

HISTORY_ERRORS: tuple[type[GatecastError], ...] = (
    EmptyHistory, HistoryTooLong, MissingCovariates, UnknownCovariate, InvalidTime, OffGrid, TimeRequired,
)  # fmt: skip
BODY_ERRORS: tuple[type[GatecastError], ...] = (
    MalformedJson, MalformedGzip, UnsupportedMediaType, WrongType, InvalidValue, TooLarge, TooSlow, Overloaded,
)  # fmt: skip
FUTURE_ERRORS: tuple[type[GatecastError], ...] = (MissingFuture, FutureLength, UnknownCovariate)
STATIC_ERRORS: tuple[type[GatecastError], ...] = (MissingStatic, UnknownStatic)
_TOGETHER = 32  # series of a request that are read, or answered, before others have their turn
_REQUEST: TypeAdapter[schemas.PredictRequest] = TypeAdapter(schemas.PredictRequest)


def router(edge: Edge, examples: Examples) -> APIRouter:
    """The endpoint, around this edge."""
    routes = APIRouter(tags=["forecasts"])
    errors = (
        EmptyRequest,
        TooManySeries,
        DuplicateSeries,
        HorizonTooLong,
        UnknownQuantile,
        MissingFuture,
        FutureLength,
        NoSums,
    )

    @routes.post(
        "/v1/predict",
        summary="Forecast series from their histories",
        response_class=Response,
        responses=openapi.answers(
            {200: (schemas.PredictAnswer, examples.predict_answer)},
            *BODY_ERRORS,
            *HISTORY_ERRORS,
            *STATIC_ERRORS,
            *errors,
        ),
        openapi_extra=openapi.body(schemas.PredictRequest, examples.predict),
    )
    @needs(READ)
    async def predict(request: Request) -> Response:
        sent = await bodies.read(request, _REQUEST)
        if sent is None:
            raise EmptyRequest("a body was expected; see /docs for one")
        return openapi.json_response(await bodies.while_there(request, forecast(edge, sent)))

    return routes


async def forecast(edge: Edge, sent: schemas.PredictRequest) -> dict[str, object]:
    """The answer to a request, its series encoded already. A thousand series would hold up every stream at once."""
    selection = edge.levels.select(sent.horizon, sent.quantiles, sums=sent.sums)
    _check(edge, sent)
    histories: list[History] = []
    async with edge.desk:
        for piece in _pieces(len(sent.series)):
            histories += [_history(edge, sent.series[at], f"series[{at}]", selection.reach) for at in piece]
            await asyncio.sleep(0)
    forecasts = await edge.engine.forecast(histories)
    series: list[msgspec.Raw] = []
    async with edge.desk:
        for piece in _pieces(len(histories)):
            part = forecasts[piece.start : piece.stop]
            medians, levels = selection.cut(part)
            summed: Sequence[list[Item] | None] = edge.sums.write(part, selection) or [None] * len(part)
            series += [
                _encoded(edge, sent.series[at].unique_id, histories[at], selection, median, level, sums)
                for at, median, level, sums in zip(piece, medians, levels, summed, strict=True)
            ]
            await asyncio.sleep(0)
    return {"model": {"name": edge.bundle.manifest.name, "digest": edge.bundle.digest}, "series": series}


def _history(edge: Edge, sent: schemas.Series, where: str, asked: int) -> History:
    history = edge.histories.read(sent, where, unique_id=sent.unique_id)
    with located(where, unique_id=sent.unique_id):
        future, static = edge.ahead.read(sent.future, asked), edge.statics.read(sent.static)
    return replace(history, future=future, static=static)


def _pieces(count: int) -> Iterator[range]:
    for first in range(0, count, _TOGETHER):
        yield range(first, min(first + _TOGETHER, count))


def _encoded(
    edge: Edge,
    name: str,
    history: History,
    selection: Selection,
    median: list[float],
    levels: list[list[float]],
    sums: list[Item] | None,
) -> msgspec.Raw:
    answer: Item = {
        "unique_id": name,
        "ds": edge.clock.after(int(history.times[0]), len(history.times), selection.horizon),
        "median": median,
        "quantiles": dict(zip(selection.names, levels, strict=True)),
    }
    if sums is not None:
        answer["sums"] = sums
    return msgspec.Raw(problems.encode(answer))


def _check(edge: Edge, sent: schemas.PredictRequest) -> None:
    limit = edge.settings.series_per_request
    if not sent.series:
        raise EmptyRequest("at least one series was expected, got none")
    if len(sent.series) > limit:
        raise TooManySeries(f"at most {limit} series were expected, got {len(sent.series)}", limit=limit)
    seen: set[str] = set()
    for at, series in enumerate(sent.series):
        if series.unique_id in seen:
            raise DuplicateSeries(
                f"series[{at}]: its unique_id came before in this request; each series once", unique_id=series.unique_id
            )
        seen.add(series.unique_id)
