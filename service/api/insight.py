"""/v1/sessions/{session}/gates, …/regime and …/quality: how the net took a session's readings, and how it did."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Query, Request, Response

from service.api import items, openapi, schemas, told_schemas
from service.api.callers import READ, needs
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.sessions import SESSION_ERRORS
from service.errors import NoGates, NoReadings, NoRegime, Overloaded, StateLost
from service.frames import SessionView
from service.names import outside
from service.session_errors import NoQuality


def router(edge: Edge, examples: Examples) -> APIRouter:
    """The endpoints, around this edge."""
    routes = APIRouter(prefix="/v1/sessions/{session}", tags=["sessions"])

    @routes.get(
        "/gates",
        summary="The gates of the last reading, by layer and gate",
        description="Nothing advances: the service goes to that reading again from an earlier state, at the cost of "
        "the readings in between. z near 1 keeps the past.",
        response_class=Response,
        responses=openapi.answers(
            {200: (schemas.GatesAnswer, examples.gates)}, *SESSION_ERRORS, NoReadings, NoGates, StateLost, Overloaded
        ),
    )
    @needs(READ)
    async def gates(
        request: Request,
        session: str,
        units: bool = Query(False, description="each unit too, beside what sums them up"),
    ) -> Response:
        place, row = await edge.engine.gates(edge.session(request, session))
        (shown,) = edge.gates.write(row[None], "units" if units else "summary")
        return openapi.json_response({**_place(edge, place), "gates": shown})

    @routes.get(
        "/regime",
        summary="Whether the regime has changed",
        description="Of sessions that were made with `regime`: many reset gates that leave their own recent range at "
        "once raise the flag.",
        response_class=Response,
        responses=openapi.answers(
            {200: (schemas.RegimeAnswer, examples.regime)}, *SESSION_ERRORS, NoReadings, NoRegime, StateLost, Overloaded
        ),
    )
    @needs(READ)
    async def regime(request: Request, session: str) -> Response:
        place, said = await edge.engine.regime(edge.session(request, session))
        return openapi.json_response({**_place(edge, place), "regime": items.regime(said)})

    @routes.get(
        "/quality",
        summary="How good the forecasts have been",
        description="Of sessions that were made with `quality`: each reading is held against the forecasts that were "
        "made for it (docs/quality.md).",
        response_class=Response,
        responses=openapi.answers(
            {200: (told_schemas.QualityAnswer, examples.quality)},
            *SESSION_ERRORS,
            NoReadings,
            NoQuality,
            StateLost,
            Overloaded,
        ),
    )
    @needs(READ)
    async def quality(request: Request, session: str) -> Response:
        name = edge.session(request, session)
        place, told = await edge.engine.quality(name)
        written = edge.qualities
        answer = {
            **_place(edge, place),
            "quality": written.quality(told),
            "anomaly": written.anomaly(told),
            "drift": written.drift(told),
        }
        if place.regime:
            with suppress(NoRegime):
                answer["regime"] = items.regime((await edge.engine.regime(name))[1])
        return openapi.json_response(answer)

    return routes


def _place(edge: Edge, place: SessionView) -> dict[str, object]:
    assert place.last_time is not None  # it has a reading, or it were an error
    return {"session": outside(place.name), "step": place.last_step, "ds": edge.clock.write(place.last_time)}
