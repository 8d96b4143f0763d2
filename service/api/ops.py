"""What operators and their machines ask: is it alive, is it ready, what does it serve, how is it doing."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.api import model_schemas, openapi
from service.api.callers import ADMIN, READ, caller_of, needs
from service.api.edge import Edge
from service.api.stream import PROTOCOL
from service.errors import NotReady
from service.frames import LARGEST_VALUE
from service.metrics import MEDIA_TYPE


def router(edge: Edge) -> APIRouter:
    """The endpoints, around this edge."""
    routes = APIRouter(tags=["operations"])

    @routes.get(
        "/v1/model",
        summary="What is served here",
        response_class=Response,
        responses=openapi.answers({200: (model_schemas.ModelAnswer, {"this model": model(edge)})}),
    )
    @needs(READ)
    async def show_model() -> Response:
        return openapi.json_response(model(edge))

    @routes.get(
        "/live",
        summary="Whether the process answers",
        response_class=Response,
        responses=openapi.answers({200: (model_schemas.Live, {"alive": {"live": True}})}),
    )
    @needs(None)
    async def live() -> Response:
        return openapi.json_response({"live": True})

    @routes.get(
        "/ready",
        summary="Whether forecasts can be had now, and why not",
        response_class=Response,
        responses=openapi.answers({200: (model_schemas.Ready, {"ready": {"ready": True}})}, NotReady),
    )
    @needs(None)
    async def ready(request: Request) -> Response:
        if edge.streams.draining:
            raise NotReady("the service is ending: it answers what it has accepted and takes no more")
        if not edge.engine.ready:
            told = ADMIN in caller_of(request.scope).scopes  # what broke may name files, or another tenant's session
            if not told:
                raise NotReady("the service cannot forecast now; `admin` keys are told why")
            raise NotReady(edge.engine.reason, failed=[part for part, so in edge.engine.vitals.failed.items() if so])
        return openapi.json_response({"ready": True})

    @routes.get(
        "/metrics",
        summary="Counts and times for Prometheus",
        response_class=Response,
        responses={200: {"description": "Prometheus' text format", "content": {"text/plain": {}}}},
    )
    @needs(ADMIN)
    async def metrics() -> Response:
        edge.metrics.compare(edge.engine.follower)
        edge.metrics.days(edge.engine.holidays_passed)
        return Response(edge.metrics.exposition(), headers={"content-type": MEDIA_TYPE})

    return routes


def model(edge: Edge) -> dict[str, object]:
    """All that a client or an operator may want to know of the bundle and of how it is served."""
    manifest, settings = edge.bundle.manifest, edge.settings
    return {
        "name": manifest.name,
        "digest": edge.bundle.digest,
        "architecture": manifest.architecture,
        "created": manifest.created.isoformat(),
        "frequency": manifest.frequency,
        "time_zone": manifest.time_zone,
        "calendar_zone": manifest.calendar_zone,
        "holidays": list(manifest.holidays),
        "holidays_until": None if manifest.holidays_until is None else manifest.holidays_until.isoformat(),
        "horizon": manifest.horizon,
        "quantiles": list(manifest.quantiles),
        "target": manifest.target,
        "covariates": list(manifest.covariates),
        "future": list(manifest.future),
        "static": list(manifest.static),
        "non_negative": manifest.non_negative,
        "integer": manifest.integer,
        "streams": manifest.streams,
        "context": manifest.context,
        "gates": {part.name: part.stop - part.start for part in manifest.gate_slices},
        "longest_history": edge.histories.longest,
        "state_bytes": 4 * manifest.state.size,
        "metrics": manifest.metrics,
        "training": manifest.training,
        "runtime": edge.runtime.name,
        "device": edge.runtime.device,
        "durable": edge.durable,
        "worker": settings.share.worker,
        "workers": settings.share.workers,
        "protocol": PROTOCOL,
        "limits": {
            "body_bytes": settings.body_bytes,
            "frame_bytes": settings.frame_bytes,
            "history_steps": edge.histories.longest,
            "series_per_request": settings.series_per_request,
            "readings_per_frame": settings.readings_per_frame,
            "gap_steps": settings.gap_steps,
            "handles_per_stream": settings.handles_per_stream,
            "frames_in_flight": settings.frames_in_flight,
            "sessions_per_tenant": settings.sessions_per_tenant,
            "streams_per_tenant": settings.streams_per_tenant,
            "readings_per_second": settings.readings_per_second,
            "requests_per_second": settings.requests_per_second,
            "largest_value": LARGEST_VALUE,
        },
    }
