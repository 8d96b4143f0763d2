"""/v1/sessions/{session}/…: what else may be done to a session: corrections, going back, copies, erasure."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter

from service.api import bodies, openapi, schemas
from service.api.callers import READ, WRITE, needs
from service.api.edge import Edge
from service.api.erased import ErasedAnswer
from service.api.examples import Examples
from service.api.predict import BODY_ERRORS, HISTORY_ERRORS
from service.api.sessions import SESSION_ERRORS, view
from service.errors import (
    EmptyRequest,
    Gap,
    GatecastError,
    InvalidTime,
    NoReadings,
    OffGrid,
    Overloaded,
    SessionExists,
    StaleSession,
    StateLost,
    StepMismatch,
    TimeRequired,
    TooManyReadings,
    WrongType,
)
from service.limit_errors import TooManySessions
from service.names import outside
from service.past_errors import DuplicateStep, HistoryGone, InvalidExport
from service.places import Correction
from service.portable import MEDIA_TYPE
from service.revisions import Revised

_CORRECTION: TypeAdapter[schemas.CorrectionRequest] = TypeAdapter(schemas.CorrectionRequest)
_REWIND: TypeAdapter[schemas.RewindRequest] = TypeAdapter(schemas.RewindRequest)
_FORK: TypeAdapter[schemas.ForkRequest] = TypeAdapter(schemas.ForkRequest)
_PAST: tuple[type[GatecastError], ...] = (
    HistoryGone, Gap, StaleSession, StateLost, Overloaded, InvalidTime,
)  # fmt: skip


def router(edge: Edge, examples: Examples) -> APIRouter:
    """The endpoints, around this edge."""
    routes = APIRouter(prefix="/v1/sessions/{session}", tags=["sessions"])
    revised: openapi.Good = {200: (schemas.RevisedAnswer, examples.revised)}

    @routes.post(
        "/corrections",
        summary="Correct readings, or send late ones",
        description="Readings of any steps in any order: those that are recorded get these values, those behind the "
        "last one are added. From then on the session is as if it had always been so, under the next "
        "revision. The same again changes nothing.",
        response_class=Response,
        responses=openapi.answers(
            revised, *SESSION_ERRORS, *_PAST, *BODY_ERRORS, *HISTORY_ERRORS, EmptyRequest, NoReadings, DuplicateStep,
            OffGrid, StepMismatch, TimeRequired, TooManyReadings,
        ),
        openapi_extra=openapi.body(schemas.CorrectionRequest, examples.corrections),
    )  # fmt: skip
    @needs(WRITE)
    async def correct(request: Request, session: str) -> Response:
        name = edge.session(request, session)
        sent = await bodies.read(request, _CORRECTION)
        if sent is None or not sent.readings:
            raise EmptyRequest("at least one reading to be corrected was expected: its step or ds, and its values")
        correction = _correction(edge, name, sent)
        return openapi.json_response(_revised(edge, await edge.engine.changes.correct(name, correction)))

    @routes.post(
        "/rewind",
        summary="Go back to an earlier step",
        description="Takes back all readings after that step; -1 takes back all. The session goes on from there under "
        "the next revision.",
        response_class=Response,
        responses=openapi.answers(revised, *SESSION_ERRORS, *_PAST, *BODY_ERRORS, EmptyRequest),
        openapi_extra=openapi.body(schemas.RewindRequest, examples.rewind),
    )
    @needs(WRITE)
    async def rewind(request: Request, session: str) -> Response:
        name = edge.session(request, session)
        sent = await bodies.read(request, _REWIND)
        if sent is None:
            raise EmptyRequest('a body was expected: {"step": the last one that shall stay}')
        return openapi.json_response(_revised(edge, await edge.engine.changes.rewind(name, sent.step)))

    @routes.post(
        "/fork",
        summary="Copy a session, for what-if questions",
        status_code=201,
        description="The copy has what the session has, up to `step`, and goes its own way. The same again finds it.",
        response_class=Response,
        responses=openapi.answers(
            {201: (schemas.SessionAnswer, examples.session)},
            *SESSION_ERRORS, *BODY_ERRORS, EmptyRequest, SessionExists, TooManySessions, HistoryGone, Gap,
        ),
        openapi_extra=openapi.body(schemas.ForkRequest, examples.fork),
    )  # fmt: skip
    @needs(WRITE)
    async def fork(request: Request, session: str) -> Response:
        name = edge.session(request, session)
        sent = await bodies.read(request, _FORK)
        if sent is None:
            raise EmptyRequest('a body was expected: {"session": the name of the copy}')
        made = await edge.engine.changes.fork(name, edge.named(request, sent.session), sent.step)
        return openapi.json_response(view(edge, made), 201)

    @routes.get(
        "/export",
        summary="A session as one file",
        description="All that is kept of it, with a checksum; it can be imported wherever such a model is served. That "
        "a copy was handed out is noted, and an erasure tells of it.",
        response_class=Response,
        responses={
            **openapi.answers({}, *SESSION_ERRORS),
            200: {
                "description": "The file",
                "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            },
        },
    )
    @needs(READ)
    async def export(request: Request, session: str) -> Response:
        name = edge.session(request, session)
        data = await edge.engine.changes.export(name, outside(name))
        return Response(
            data, media_type=MEDIA_TYPE, headers={"content-disposition": 'attachment; filename="session.gatecast"'}
        )

    @routes.put(
        "/import",
        summary="A session from a file",
        status_code=201,
        response_class=Response,
        responses=openapi.answers(
            {201: (schemas.SessionAnswer, examples.session)},
            *SESSION_ERRORS, *BODY_ERRORS, *HISTORY_ERRORS, InvalidExport, SessionExists, TooManySessions, NoReadings,
        ),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )  # fmt: skip
    @needs(WRITE)
    async def take_in(request: Request, session: str, replace: bool = False) -> Response:
        name = edge.session(request, session)
        data = await bodies.raw(request, MEDIA_TYPE)
        made = await edge.engine.changes.take_in(name, data, replace)
        return openapi.json_response(view(edge, made), 201)

    @routes.post(
        "/erasure",
        summary="Erase a session and all its forks",
        description="Tells what was erased, and which files of it were exported before: those are out of its reach.",
        response_class=Response,
        responses=openapi.answers({200: (ErasedAnswer, examples.erased)}, *SESSION_ERRORS),
    )
    @needs(WRITE)
    async def erase(request: Request, session: str) -> Response:
        erased = await edge.engine.changes.erase(edge.session(request, session))
        # Asked again nobody knows of it any more: where the answer was lost, the log tells which files are out there.
        edge.log.info("erased", sessions=len(erased.sessions), exports=[each.digest for _, each in erased.exports])
        return openapi.json_response(
            {
                "erased": [outside(name) for name in erased.sessions],
                "exports": [
                    {
                        "session": outside(name),
                        "at": edge.moment(each.at),
                        "last_step": None if each.step < 0 else each.step,
                        "sha256": each.digest,
                    }
                    for name, each in erased.exports
                ],
            }
        )

    return routes


def _correction(edge: Edge, name: str, sent: schemas.CorrectionRequest) -> Correction:
    """Its columns; the error of the first reading that is wrong."""
    if any(reading.future for reading in sent.readings):
        raise WrongType("a correction carries no `future`: ask for the forecast with POST …/forecast afterwards")
    sheet = edge.correction(name, sent.readings)
    if sheet.faults:
        raise sheet.faults[min(sheet.faults)]
    observations = sheet.observations
    return Correction(observations.steps, observations.times, observations.values, sent.gaps == "missing")


def _revised(edge: Edge, revised: Revised) -> dict[str, object]:
    counts = {"changed": revised.changed, "added": revised.added, "filled": revised.filled}
    return {**view(edge, revised.view), **counts}
