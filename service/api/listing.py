"""/v1/sessions: which sessions there are, page by page, in the order of their names."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service.api import openapi, schemas
from service.api.callers import READ, caller_of, needs
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.sessions import view
from service.errors import CannotStream, InvalidValue, Overloaded, WrongType
from service.frames import SessionView
from service.listing import PIECE
from service.names import beyond

MOST = 1000  # sessions of a page

_Text = Annotated[str, Query(max_length=200)]


def router(edge: Edge, examples: Examples) -> APIRouter:
    """The endpoint, around this edge."""
    routes = APIRouter(prefix="/v1/sessions", tags=["sessions"])

    @routes.get(
        "",
        summary="List sessions",
        description="By name; `next` is what to ask for as `after`, null at the end. A session that is made meanwhile "
        "is listed if its name is still to come.",
        response_class=Response,
        responses=openapi.answers(
            {200: (schemas.SessionsAnswer, examples.listing)}, CannotStream, WrongType, InvalidValue, Overloaded
        ),
    )
    @needs(READ)
    async def sessions(
        request: Request,
        prefix: _Text = "",
        after: _Text = "",
        limit: int = Query(100, ge=1, le=MOST),
        parent: str | None = Query(None, max_length=200, description="forks of this session alone"),
        expired: bool | None = Query(None, description="true: those that have expired alone; false: the others"),
        idle_seconds: float | None = Query(
            None, ge=0, allow_inf_nan=False, description="without a reading for longer than that, to about a minute"
        ),
    ) -> Response:
        edge.check_streams()
        wanted = edge.wanted(request, prefix, after, parent, expired)
        tenant = caller_of(request.scope).tenant
        found: list[SessionView] = []
        while len(found) <= limit:  # one more than asked for tells whether there are others
            wanted = replace(wanted, limit=min(limit + 1 - len(found), PIECE))
            some = await edge.engine.sessions(wanted, idle_seconds)
            ours, skipped = beyond(tenant, [each.name for each in some])
            found += some[: len(ours)]
            if skipped is None and len(some) < wanted.limit:
                break
            wanted = replace(wanted, after=skipped or some[-1].name)
        page = [view(edge, each) for each in found[:limit]]
        return openapi.json_response({"sessions": page, "next": page[-1]["session"] if len(found) > limit else None})

    return routes
