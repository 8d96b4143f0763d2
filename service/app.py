"""The only place where the parts meet: settings in, a service out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from datasets.frequency import Frequency
from service.api import changes, current, insight, openapi, ops, predict, problems, query, sessions
from service.api.boundary import Boundary
from service.api.edge import Edge
from service.api.examples import Examples
from service.api.stream import NoSuchStream, StreamEndpoint
from service.bundle import Bundle
from service.engine import Engine
from service.engine_settings import EngineSettings
from service.errors import RuntimeUnavailable
from service.faults import faults_as
from service.journal import Journal, Subject, open_journal
from service.logs import Log, LogObserver
from service.metrics import Metrics
from service.observers import Observers
from service.runtimes import AUTO, Runtime, open_runtime, why_not_native
from service.settings import Settings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_ABOUT = """Live forecasts from a recurrent model that remembers: a new reading costs one step.

Send whole histories to `/v1/predict`; or keep a session, and send each reading as it comes, by request or through the
websocket at `/v1/stream` (docs/protocol.md). Errors are RFC 9457 documents with a stable `code`."""


@dataclass(frozen=True)
class Service:
    """A service that is put together but not started."""

    app: FastAPI
    edge: Edge

    async def drain(self) -> None:
        """Answers all that was accepted; streams first, since they bring more as long as they are open."""
        await self.edge.streams.drain()
        await self.edge.engine.drain()


def open_service(settings: Settings, log: Log) -> Service:
    """Reads the bundle, opens runtime and journal; `BundleError`, `RuntimeUnavailable`, `JournalError`."""
    bundle = Bundle.open(settings.bundle)
    with faults_as(RuntimeUnavailable, f"{settings.runtime} cannot run {bundle.path}; gatecast verify says more"):
        runtime = open_runtime(settings.runtime, bundle, settings.device, settings.threads)
        reason = why_not_native(bundle, settings.device) if settings.runtime == AUTO else None
    log.info("bundle opened", runtime=runtime.name, device=runtime.device, **({"not_native": reason} if reason else {}))
    manifest, share = bundle.manifest, settings.share
    frequency = Frequency.parse(manifest.frequency).alias
    subject = Subject(manifest.target, tuple(manifest.covariates), manifest.time_zone)
    share.refuse_others(settings.journal)
    place = share.journal(settings.journal)
    journal = open_journal(place, bundle.width, frequency, settings.durable, subject, share)
    return assemble(settings, runtime, journal, log)


def assemble(settings: Settings, runtime: Runtime, journal: Journal, log: Log) -> Service:
    """The service around this runtime and this journal, which is closed at its end."""
    metrics = Metrics()
    metrics.serving(runtime.bundle, runtime.name, runtime.device)
    observers = Observers(metrics, LogObserver(log))
    bounds = _engine_settings(settings, runtime.bundle.initial.nbytes)
    engine = Engine(runtime, journal, bounds, observers, share=settings.share)
    edge = Edge(engine, runtime, journal.durable, settings, metrics, log)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        try:
            yield
        finally:
            await engine.drain()  # which closes the journal

    return Service(_application(edge, lifespan), edge)


def _application(edge: Edge, lifespan: Lifespan) -> FastAPI:
    manifest = edge.bundle.manifest
    examples = Examples(manifest, edge.bundle.digest, edge.clock, edge.levels, edge.durable)
    app = FastAPI(
        title="Gatecast",
        version=_version(),
        summary=f"Forecasts of {manifest.name}",
        description=_ABOUT,
        lifespan=lifespan,
        redirect_slashes=False,
        exception_handlers={HTTPException: _framework, RequestValidationError: _validation},
    )
    for part in (predict, sessions, changes, current, insight):
        app.include_router(part.router(edge, examples), dependencies=[Depends(query.only_known)])
    app.include_router(ops.router(edge))
    app.router.routes.append(WebSocketRoute("/v1/stream", StreamEndpoint(edge)))
    app.router.routes.append(WebSocketRoute("/{path:path}", NoSuchStream()))
    settings = edge.settings
    app.add_middleware(
        Boundary,
        log=edge.log,
        metrics=edge.metrics,
        body_bytes=settings.body_bytes,
        retry_after=settings.retry_after_seconds,
    )
    openapi.document(app)
    return app


async def _framework(request: Request, error: HTTPException) -> Response:
    """Leaves as ours, for the boundary to answer."""
    raise problems.from_framework(error, request) from error


async def _validation(_: Request, error: RequestValidationError) -> Response:
    raise problems.from_validation(error.errors()) from error


def _engine_settings(settings: Settings, state_bytes: int) -> EngineSettings:
    """The engine's bounds as they were set; `state_bytes`: of one session's state."""
    resident = settings.resident_sessions or max(1, settings.resident_bytes // state_bytes)
    return EngineSettings(
        max_history=settings.history_steps,
        max_waiting=settings.waiting_readings,
        max_resident=resident,
        retry_after_seconds=settings.retry_after_seconds,
    )


def _version() -> str:
    try:
        return version("gatecast")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
