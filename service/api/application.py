"""The web application: routes, what stands before them, and how errors leave."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from service.api import (
    changes,
    current,
    insight,
    listing,
    models,
    openapi,
    ops,
    overall,
    predict,
    problems,
    query,
    sessions,
    timeseries,
)
from service.api.boundary import Boundary
from service.api.callers import authorize
from service.api.door import Door
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.hosts import Hosts
from service.api.origins import Origins
from service.api.page import page_routes
from service.api.stream import NoSuchStream, StreamEndpoint
from service.api.traced import Traced, takers
from service.deployments import Deployments
from service.traces import Traces

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_ABOUT = """Live forecasts from a recurrent model that remembers: a new reading costs one step.

Send whole histories to `/v1/predict`; or keep a session, and send each reading as it comes, by request or through the
websocket at `/v1/stream` (docs/protocol.md). Errors are RFC 9457 documents with a stable `code`."""


def application(
    edge: Edge, deployments: Deployments, inference: APIRouter, lifespan: Lifespan, traces: Traces | None, version: str
) -> FastAPI:
    """Everything that is asked by HTTP or websocket; `inference` are the routes of the Open Inference Protocol."""
    manifest = edge.bundle.manifest
    examples = Examples(manifest, edge.bundle.digest, edge.clock, edge.levels, edge.durable)
    app = FastAPI(
        title="Gatecast",
        version=version,
        summary=f"Forecasts of {manifest.name}",
        description=_ABOUT,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # the framework's load scripts from elsewhere; ours is one of the pages
        redoc_url=None,
        # Its own traces hold paths, which hold names of sessions; ours are `service.traces`.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        dependencies=[Depends(authorize)],
        exception_handlers={HTTPException: _framework, RequestValidationError: _validation},
    )
    for part in (predict, sessions, listing, changes, current, insight, overall):
        app.include_router(part.router(edge, examples), dependencies=[Depends(query.only_known)])
    # Who may change what is served is decided here, by one more dependency.
    app.include_router(models.router(edge, deployments), dependencies=[Depends(query.only_known)])
    app.include_router(timeseries.router(edge), dependencies=[Depends(query.only_known)])
    app.include_router(inference, dependencies=[Depends(query.only_known)])
    app.include_router(ops.router(edge))
    app.router.routes.extend(page_routes())
    app.router.routes.append(WebSocketRoute("/v1/stream", StreamEndpoint(edge, takers(traces))))
    app.router.routes.append(WebSocketRoute("/{path:path}", NoSuchStream()))
    settings = edge.settings
    app.add_middleware(
        Door,
        access=edge.access,
        hosts=Hosts.of(settings),
        origins=Origins.of(settings.origins),
        rates=edge.rates,
        metrics=edge.metrics,
        retry_after=settings.retry_after_seconds,
    )
    app.add_middleware(
        Boundary,
        log=edge.log,
        metrics=edge.metrics,
        body_bytes=settings.body_bytes,
        retry_after=settings.retry_after_seconds,
    )
    if traces is not None:
        app.add_middleware(Traced, traces=traces)
    openapi.document(app, optional=edge.access is None or settings.allow_anonymous)
    return app


async def _framework(request: Request, error: HTTPException) -> Response:
    """Leaves as ours, for the boundary to answer."""
    raise problems.from_framework(error, request) from error


async def _validation(_: Request, error: RequestValidationError) -> Response:
    # Without its trace: a frame of it holds the error, as `told` tells.
    raise problems.from_validation(error.errors()) from error.with_traceback(None)
