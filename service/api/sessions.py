"""/v1/sessions: a client's place in its series, by request; what streams do frame by frame."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import TypeAdapter

from service.api import bodies, items, openapi, schemas
from service.api.callers import READ, WRITE, needs
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.gaps import fills
from service.api.predict import BODY_ERRORS, FUTURE_ERRORS, HISTORY_ERRORS, STATIC_ERRORS
from service.api.query import levels_of, sums_of
from service.api.telling import telling_of
from service.api.wish import Wish
from service.errors import (
    CannotStream,
    Conflict,
    Duplicate,
    EmptyRequest,
    Gap,
    GatecastError,
    HorizonTooLong,
    InvalidSession,
    InvalidTime,
    Misdirected,
    NoGates,
    NoRegime,
    OffGrid,
    SessionExists,
    StaleSession,
    StateLost,
    StepMismatch,
    TimeRequired,
    TooManyReadings,
    UnknownQuantile,
    UnknownSession,
    WrongType,
)
from service.frames import SessionView
from service.limit_errors import RateLimited, TooManySessions
from service.names import outside
from service.past_errors import SessionExpired
from service.session_errors import NoCalibration, NoQuality
from service.sums import NoSums

SESSION_ERRORS: tuple[type[GatecastError], ...] = (
    UnknownSession, SessionExpired, Misdirected, InvalidSession, CannotStream, WrongType,
)  # fmt: skip
CHOICE_ERRORS: tuple[type[GatecastError], ...] = (HorizonTooLong, UnknownQuantile, NoSums)
_PLACE: tuple[type[GatecastError], ...] = (
    Gap, Duplicate, Conflict, StepMismatch, InvalidTime, TimeRequired, OffGrid, StaleSession, StateLost,
    TooManyReadings,
)  # fmt: skip
_REQUEST: TypeAdapter[schemas.SessionRequest] = TypeAdapter(schemas.SessionRequest)
_ONE: TypeAdapter[list[schemas.Observation] | schemas.Observation] = TypeAdapter(schemas.Observation)
_MANY: TypeAdapter[list[schemas.Observation] | schemas.Observation] = TypeAdapter(list[schemas.Observation])

HORIZON = Query(None, description="steps ahead, up to the trained horizon, which is the default")
QUANTILES = Query(None, description="chosen among the trained ones, with commas; by default all")
SUMS = Query(None, description="true, or numbers of steps with commas: sums over the first so many, with quantiles")
GAPS = Query(None, description="error, the default, or missing: steps left out before a reading enter as missing")
TOLD = Query(None, description="true: the answer tells how good forecasts have been")
ANOMALY = Query(
    None, description="true: and how rare the reading is; or the rate of false alarms at which it is flagged"
)
GATES = Query(None, description="summary or units: the answer carries the gates of its reading too")


def router(edge: Edge, examples: Examples) -> APIRouter:
    """The endpoints, around this edge."""
    routes = APIRouter(prefix="/v1/sessions/{session}", tags=["sessions"])

    @routes.put(
        "",
        summary="Create a session",
        description="The same request again answers 200 and changes nothing; another one is `session_exists`, "
        "unless `replace=true`: then the session starts anew under the next revision. `ttl_seconds` and `quality` are "
        "no part of what makes it the same: they are those of the request which made the session.",
        response_class=Response,
        responses=openapi.answers(
            {201: (schemas.SessionAnswer, examples.session), 200: (schemas.SessionAnswer, examples.session)},
            InvalidSession, Misdirected, CannotStream, SessionExists, SessionExpired, TooManySessions, NoRegime,
            NoCalibration, NoQuality, *BODY_ERRORS, *HISTORY_ERRORS, *STATIC_ERRORS,
        ),
        openapi_extra=openapi.body(schemas.SessionRequest, examples.sessions, required=False),
    )  # fmt: skip
    @needs(WRITE)
    async def create(request: Request, session: str, replace: bool = False) -> Response:
        name = edge.session(request, session)
        sent = await bodies.read(request, _REQUEST) or schemas.SessionRequest(
            start=None, history=None, static=None, regime=False, ttl_seconds=None, calibrate=False, quality=None
        )
        start, values = _beginning(edge, sent)
        static = edge.statics.read(sent.static)
        kept = static, sent.regime, sent.ttl_seconds, sent.calibrate, sent.quality
        made = await edge.engine.create(name, start, values, replace, *kept)
        return openapi.json_response(view(edge, made), 201 if made.created else 200)

    @routes.get(
        "",
        summary="Where a session stands",
        response_class=Response,
        responses=openapi.answers({200: (schemas.SessionAnswer, examples.session)}, *SESSION_ERRORS),
    )
    @needs(READ)
    async def show(request: Request, session: str) -> Response:
        return openapi.json_response(view(edge, await edge.engine.session(edge.session(request, session))))

    @routes.delete(
        "",
        summary="Forget a session and its readings",
        status_code=204,
        response_class=Response,
        responses=openapi.answers({}, *SESSION_ERRORS),
    )
    @needs(WRITE)
    async def delete(request: Request, session: str) -> Response:
        await edge.engine.delete(edge.session(request, session))
        return Response(status_code=204)

    @routes.post(
        "/observations",
        summary="Record one reading, or many",
        description="One reading is answered with its acknowledgement or a problem; a list with a list, in which a "
        "reading that was refused has an `error` in its place. The newest reading is answered with the "
        "forecast, and carries the `future` that it takes. With `gaps=missing` steps that were left out before a "
        "reading enter as missing, and its acknowledgement says how many (`filled`).",
        response_class=Response,
        responses=openapi.answers(
            {200: (schemas.Acknowledgement | list[schemas.Acknowledgement | schemas.Refusal], examples.recorded)},
            *SESSION_ERRORS, *CHOICE_ERRORS, *_PLACE, NoGates, *FUTURE_ERRORS, *BODY_ERRORS, RateLimited,
        ),
        openapi_extra=openapi.body(schemas.Observation | list[schemas.Observation], examples.observations),
    )  # fmt: skip
    @needs(WRITE)
    async def observe(
        request: Request,
        session: str,
        horizon: int | None = HORIZON,
        quantiles: str | None = QUANTILES,
        gates: str | None = GATES,
        gaps: str | None = GAPS,
        sums: str | None = SUMS,
        quality: str | None = TOLD,
        anomaly: str | None = ANOMALY,
    ) -> Response:
        name, shown = edge.session(request, session), edge.detail(gates)
        selection = edge.levels.select(horizon, levels_of(quantiles), sums=sums_of(sums))
        wish = Wish(selection, shown, fill=fills(gaps), telling=telling_of(quality, anomaly))
        sent = await bodies.read(request, _ONE, _MANY)
        if sent is None:
            raise EmptyRequest("a body was expected: one reading or a list of them")
        readings = sent if isinstance(sent, list) else [sent]
        outcome = await edge.observe(request, name, readings, wish)
        items.echo(outcome.items)
        if isinstance(sent, list):
            return openapi.json_response(outcome.items)
        if outcome.errors:
            raise outcome.errors[0]
        return openapi.json_response(outcome.items[0])

    return routes


def _beginning(edge: Edge, sent: schemas.SessionRequest) -> tuple[int | None, NDArray[np.float64]]:
    """Start and values of a new session; neither is known where nothing was sent."""
    start = None if sent.start is None else edge.clock.read(sent.start)
    if sent.history is None:
        return start, np.empty((0, edge.bundle.width))
    if start is not None and sent.history.start is None and sent.history.ds is None:
        sent.history.start = sent.start
    history = edge.histories.read(sent.history, "history")
    if start is not None and start != history.times[0]:
        raise InvalidTime("start and the history's first time are not the same; send one of them")
    return int(history.times[0]), history.values


def view(edge: Edge, place: SessionView) -> dict[str, object]:
    """Where a session stands, as it is told; what is not so of most sessions is left out."""
    told: dict[str, object] = {
        "session": outside(place.name),
        "start": None if place.start is None else edge.clock.write(place.start),
        "last_step": None if place.last_step < 0 else place.last_step,
        "last_ds": None if place.last_time is None else edge.clock.write(place.last_time),
        "next_step": place.last_step + 1,
        "revision": place.revision,
        "durable": place.durable,
        "created": place.created,
    }
    if edge.statics.names:
        told["static"] = edge.statics.write(place.static)
    if place.regime:
        told["regime"] = True
    if place.calibrate:
        told["calibrate"] = True
    if place.quality:
        told["quality"] = True
    if place.first_time is not None:
        told |= {"first_step": place.first_step, "first_ds": edge.clock.write(place.first_time)}
    if place.ttl:
        told["ttl_seconds"] = place.ttl
    if place.parent:
        told["parent"] = outside(place.parent)
    if place.seen is not None:
        told["seen"] = edge.moment(place.seen)
    return {**told, "expired": True} if place.expired else told
