"""/v1/sessions/{session}/gates: how the net took a session's last reading."""

from __future__ import annotations

from fastapi import APIRouter, Query, Response

from service.api import openapi, schemas
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.sessions import SESSION_ERRORS
from service.errors import NoGates, NoReadings, Overloaded, StateLost


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
    async def gates(
        session: str, units: bool = Query(False, description="each unit too, beside what sums them up")
    ) -> Response:
        place, row = await edge.engine.gates(edge.session(session))
        assert place.last_time is not None  # it has a reading, or it were an error
        (shown,) = edge.gates.write(row[None], "units" if units else "summary")
        return openapi.json_response(
            {
                "session": place.name,
                "step": place.last_step,
                "ds": edge.clock.write(place.last_time),
                "gates": shown,
            }
        )

    return routes
