"""/v1/quality: how good the forecasts of all sessions are together, by model and number of steps ahead."""

from __future__ import annotations

from fastapi import APIRouter, Response

from service import totals
from service.api import openapi, told_schemas
from service.api.callers import ADMIN, needs
from service.api.edge import Edge
from service.api.examples import Examples
from service.totals import Total


def router(edge: Edge, examples: Examples) -> APIRouter:
    """The endpoint, around this edge."""
    routes = APIRouter(prefix="/v1/quality", tags=["operations"])

    @routes.get(
        "",
        summary="How good the forecasts of all scored sessions are",
        description="Of all tenants together, by model since this process serves it, and of its newest forecasts. "
        "Errors are in units of what the seasonal naive is off by in the same session.",
        response_class=Response,
        responses=openapi.answers({200: (told_schemas.OverallAnswer, examples.overall)}),
    )
    @needs(ADMIN)
    async def overall() -> Response:
        serving, found = edge.bundle.digest, edge.engine.overall.totals.models
        models = [{"digest": each, "serving": each == serving, **_written(total)} for each, total in found.items()]
        return openapi.json_response({"models": models[::-1]})

    return routes


def _written(total: Total) -> dict[str, object]:
    ahead = []
    for steps, sums, recent in zip(total.ahead.tolist(), total.sums, total.recent, strict=True):
        scored, covered, paired, error, loss, naive = recent.tolist()
        ahead.append({
            "steps": steps,
            "scored": int(sums[totals.SCORED]),
            "error": error / paired if paired else None,
            "quantile_loss": loss / paired if paired else None,
            "coverage": covered / scored if scored else None,
            "skill": 1 - error / naive if naive else None,
        })  # fmt: skip
    return {"band": total.band, "readings": total.readings, "anomalies": total.anomalies, "ahead": ahead}
