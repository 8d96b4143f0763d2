"""/v1/sessions/{session}/forecast: a session's forecast from its last reading, which does not advance it."""

from __future__ import annotations

from typing import cast

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import TypeAdapter

from service.api import bodies, openapi, schemas
from service.api.callers import READ, needs
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.forecasts import Selection
from service.api.predict import BODY_ERRORS, FUTURE_ERRORS
from service.api.query import either, levels_of, sums_of
from service.api.sessions import CHOICE_ERRORS, HORIZON, QUANTILES, SESSION_ERRORS, SUMS
from service.errors import InvalidTime, MissingFuture, NoReadings, Overloaded, StateLost
from service.names import outside

_REQUEST: TypeAdapter[schemas.ForecastRequest] = TypeAdapter(schemas.ForecastRequest)


def router(edge: Edge, examples: Examples) -> APIRouter:
    """The endpoints, around this edge."""
    routes = APIRouter(prefix="/v1/sessions/{session}/forecast", tags=["sessions"])
    good: openapi.Good = {200: (schemas.CurrentForecast, examples.current)}
    errors = (*SESSION_ERRORS, *CHOICE_ERRORS, NoReadings, InvalidTime, StateLost)

    @routes.get(
        "",
        summary="The current forecast, without advancing",
        description="Of a model that knows covariates ahead, ask with POST: it takes their values.",
        response_class=Response,
        responses=openapi.answers(good, *errors, MissingFuture, Overloaded),
    )
    @needs(READ)
    async def current(
        request: Request,
        session: str,
        horizon: int | None = HORIZON,
        quantiles: str | None = QUANTILES,
        sums: str | None = SUMS,
    ) -> Response:
        name = edge.session(request, session)
        selection = edge.levels.select(horizon, levels_of(quantiles), sums=sums_of(sums))
        if edge.ahead.names:
            raise MissingFuture(
                f"this model forecasts with what is known ahead of {', '.join(edge.ahead.names)}: "
                "send it as `future` with POST to this same path",
                missing=list(edge.ahead.names),
                horizon=selection.reach,
            )
        return await forecast(name, selection, None)

    @routes.post(
        "",
        summary="The current forecast from what is known ahead, without advancing",
        description="Horizon, quantiles and sums may stand in the body or, as of GET, in the query; in both only if "
        "they are the same.",
        response_class=Response,
        responses=openapi.answers(good, *errors, *FUTURE_ERRORS, *BODY_ERRORS),
        openapi_extra=openapi.body(schemas.ForecastRequest, examples.current_request, required=False),
    )
    @needs(READ)
    async def current_with(
        request: Request,
        session: str,
        horizon: int | None = HORIZON,
        quantiles: str | None = QUANTILES,
        sums: str | None = SUMS,
    ) -> Response:
        name = edge.session(request, session)
        sent = await bodies.read(request, _REQUEST)
        sent = sent or schemas.ForecastRequest(future=None, horizon=None, quantiles=None, sums=None)
        summed = cast("bool | list[int] | None", either("sums", sums_of(sums), sent.sums))
        selection = edge.levels.select(
            either("horizon", horizon, sent.horizon),
            either("quantiles", levels_of(quantiles), sent.quantiles),
            sums=summed,
        )
        return await forecast(name, selection, edge.ahead.read(sent.future, selection.reach))

    async def forecast(name: str, selection: Selection, future: NDArray[np.float64] | None) -> Response:
        place, levels = await edge.engine.peek(name, future)
        if place.start is None or place.last_time is None:
            raise NoReadings("this session has no reading yet; send one first")
        (median,), (chosen,) = selection.cut(levels[None])
        sums = edge.sums.write(levels[None], selection)
        answer = {
            "session": outside(place.name),
            "step": place.last_step,
            "ds": edge.clock.write(place.last_time),
            "forecast": {
                "ds": edge.clock.after(place.start, place.last_step + 1, selection.horizon),
                "median": median,
                "quantiles": dict(zip(selection.names, chosen, strict=True)),
                **({} if sums is None else {"sums": sums[0]}),
            },
        }
        return openapi.json_response(answer)

    return routes
