"""The only place where the parts meet: settings in, a service out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from fastapi import FastAPI

from datasets.frequency import Frequency
from service.access import Access
from service.api import alerting
from service.api.application import application
from service.api.edge import Edge
from service.api.oip import rest as oip
from service.api.oip.inference import Inference
from service.api.oip.repository import Repository
from service.api.revocation import close_ended
from service.bundle import Bundle
from service.chosen import Chosen
from service.deployments import Deployments
from service.engine import Engine
from service.engine_settings import EngineSettings
from service.errors import RuntimeUnavailable, SettingsError
from service.faults import faults_as
from service.gauges import Gauges
from service.journal import Journal, Subject, open_journal
from service.logs import Log, LogObserver
from service.metrics import Metrics
from service.observers import Observers
from service.runtimes import AUTO, Runtime, open_runtime, why_not_native
from service.scoring import Overall
from service.settings import Settings
from service.traces import TraceObserver, Traces
from service.versions import TORCHSCRIPT_RUNTIME


class RpcDoor(Protocol):
    """The server of gRPC, where there is one."""

    @property
    def port(self) -> int | None:
        """Where it listens, once it was started."""

    async def start(self) -> None:
        """Begins to serve."""

    async def stop(self, seconds: float) -> None:
        """Takes no more calls, and ends with the last of those that there are."""


@dataclass(frozen=True)
class Service:
    """A service that is put together but not started."""

    app: FastAPI
    edge: Edge
    rpc: RpcDoor | None = None

    async def drain(self) -> None:
        """Answers all that was accepted; streams first, since they bring more as long as they are open."""
        calls = [] if self.rpc is None else [self.rpc.stop(self.edge.settings.drain_seconds)]
        await asyncio.gather(self.edge.streams.drain(), *calls)
        await self.edge.engine.drain()


def open_service(settings: Settings, log: Log) -> Service:
    """Reads the bundle, opens runtime and journal; `BundleError`, `RuntimeUnavailable`, `JournalError`, `KeysError`."""
    chosen = Chosen.of(settings)
    bundle = chosen.bundle
    runtime = _open_runtime(settings, bundle)
    with faults_as(RuntimeUnavailable, f"{settings.runtime} cannot run {bundle.path}; gatecast verify says more"):
        reason = why_not_native(bundle, settings.device) if settings.runtime == AUTO else None
    if settings.runtime == TORCHSCRIPT_RUNTIME:
        log.warning("TorchScript is code: it runs as this service, on the word of whoever named its bundle")
    manifest, share = bundle.manifest, settings.share
    why = {"not_native": reason} if reason else {}
    log.info("bundle opened", name=manifest.name, runtime=runtime.name, device=runtime.device, **why)
    if chosen.instead_of is not None:
        log.warning("the version that was promoted last serves", version=chosen.version, named=chosen.instead_of)
    frequency = Frequency.parse(manifest.frequency).alias
    subject = Subject(manifest.target, tuple(manifest.covariates), manifest.time_zone)
    share.refuse_others(settings.journal)
    place = share.journal(settings.journal)
    resident = _engine_settings(settings, bundle.initial.nbytes).max_resident
    journal = open_journal(place, bundle.width, frequency, settings.durable, subject, share, resident=resident)
    return assemble(settings, runtime, journal, log, chosen)


def assemble(
    settings: Settings,
    runtime: Runtime,
    journal: Journal,
    log: Log,
    chosen: Chosen | None = None,
    wall: Callable[[], float] = time.time,
) -> Service:
    """The service around this runtime and this journal, which is closed at its end; `wall`: seconds since 1970."""
    access = None if settings.keys is None else Access(settings.keys, log, settings.allow_anonymous)
    metrics = Metrics()
    traces = None if settings.traces is None else Traces(settings.traces)
    observers = Observers(metrics, LogObserver(log), *([] if traces is None else [TraceObserver(traces)]))
    bounds = _engine_settings(settings, runtime.bundle.initial.nbytes)
    outbox = alerting.outbox(settings, runtime.bundle.manifest, metrics, log)
    overall = Overall(settings.anomaly_rate, settings.rules, outbox.tell)
    metrics.scored.read = lambda: overall.totals.models
    engine = Engine(runtime, journal, bounds, observers, share=settings.share, wall=wall, overall=overall)
    metrics.watch(Gauges(engine.vitals, settings))
    edge = Edge(engine, runtime, journal.durable, settings, metrics, log, access)
    chosen = chosen or Chosen(runtime.bundle)

    def ready(bundle: Bundle) -> Runtime:
        edge.gates.expect(bundle.manifest)
        opened = _open_runtime(settings, bundle)
        engine.warm_up(opened)
        return opened

    deployments = Deployments(
        engine,
        chosen.versions,
        chosen.version,
        settings.runtime,
        ready,
        lambda bundle: _engine_settings(settings, bundle.initial.nbytes).max_resident,
        edge.serve,
        log,
    )

    inference = Inference(edge, deployments)
    repository = Repository(inference.models, deployments)
    rpc = None if settings.grpc_port is None else _rpc(edge, inference, repository)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        if rpc is not None:
            await rpc.start()
        outbox.start()
        watching = None if access is None else asyncio.create_task(close_ended(edge.streams, access, log))
        try:
            yield
        finally:
            if watching is not None:
                watching.cancel()
            if rpc is not None:
                await rpc.stop(0)
            await deployments.close()
            await engine.drain()  # which closes the journal
            if traces is not None:
                await traces.close()
            await outbox.close(alerting.FAREWELL)

    routes = oip.router(edge, inference, repository, _version())
    return Service(application(edge, deployments, routes, lifespan, traces, _version()), edge, rpc)


def _rpc(edge: Edge, inference: Inference, repository: Repository) -> RpcDoor:
    """`SettingsError` where what it needs is not installed."""
    try:
        from service.api.rpc.calls import Calls
        from service.api.rpc.server import RpcServer
    except ModuleNotFoundError as missing:
        raise SettingsError(
            f"gRPC takes the packages of the extra grpc, and {missing.name} is not installed: pip install "
            "'gatecast[grpc]', or leave --grpc-port out"
        ) from missing
    return RpcServer(Calls(edge, inference, repository, _version()), edge.settings)


def _engine_settings(settings: Settings, state_bytes: int) -> EngineSettings:
    """The engine's bounds as they were set; `state_bytes`: of one session's state."""
    resident = settings.resident_sessions or max(1, settings.resident_bytes // state_bytes)
    return EngineSettings(
        max_history=settings.history_steps,
        max_waiting=settings.waiting_readings,
        max_resident=resident,
        beside_bytes=settings.resident_bytes,
        gap_steps=settings.gap_steps,
        retry_after_seconds=settings.retry_after_seconds,
        rollback_seconds=settings.rollback_seconds,
        keep_readings=settings.keep_readings,
        keep_days=settings.keep_days,
        session_ttl_seconds=settings.session_ttl_seconds,
        sessions_per_tenant=settings.sessions_per_tenant,
        quality=settings.quality,
        anomaly_rate=settings.anomaly_rate,
    )


def _open_runtime(settings: Settings, bundle: Bundle) -> Runtime:
    with faults_as(RuntimeUnavailable, f"{settings.runtime} cannot run {bundle.path}; gatecast verify says more"):
        return open_runtime(settings.runtime, bundle, settings.device, settings.threads)


def _version() -> str:
    try:
        return version("gatecast")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
