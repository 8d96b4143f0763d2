"""A service around the fake runtime and a journal in memory: in this process, or behind a real port."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from service.api.server import DrainingServer, listen
from service.app import Service, assemble
from service.journal import Journal, open_journal
from service.logs import open_log
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.settings import Settings


@dataclass(frozen=True)
class Running:
    """A started service, with what a test may look at or break."""

    service: Service
    runtime: FakeRuntime
    log: io.StringIO


@dataclass(frozen=True)
class Inside(Running):
    http: httpx.AsyncClient


@dataclass(frozen=True)
class Behind(Running):
    """Behind a port of this machine."""

    http: httpx.Client
    address: str  # HOST:PORT
    server: DrainingServer
    thread: threading.Thread

    def stream(self, query: str = "") -> str:
        return f"ws://{self.address}/v1/stream{query}"


def build(
    limits: dict[str, object],
    bundle: dict[str, object],
    journal: Journal | None = None,
    wall: Callable[[], float] = time.time,
) -> Running:
    runtime = FakeRuntime(fake_bundle(**bundle))  # type: ignore[arg-type]
    frequency = runtime.bundle.manifest.frequency
    journal = journal or open_journal("memory", runtime.bundle.width, frequency)
    settings = Settings(**{"bundle": "unused", "runtime": "fake", "journal": "memory", **limits})  # type: ignore[arg-type]
    log = io.StringIO()
    return Running(assemble(settings, runtime, journal, open_log("debug", "json", log), wall=wall), runtime, log)


def until_ready(running: Running) -> None:
    """The engine's thread has warmed up; with the fake runtime in an instant."""
    for _ in range(1_000):
        if running.service.edge.engine.ready:
            return
        time.sleep(0.01)
    raise AssertionError(running.service.edge.engine.reason)


@asynccontextmanager
async def inside(
    limits: dict[str, object] | None = None,
    journal: Journal | None = None,
    wall: Callable[[], float] = time.time,
    **bundle: object,
) -> AsyncIterator[Inside]:
    running = build(limits or {}, bundle, journal, wall)
    app = running.service.app
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
    ):
        yield Inside(running.service, running.runtime, running.log, http)


@contextmanager
def behind(
    limits: dict[str, object] | None = None,
    journal: Journal | None = None,
    wall: Callable[[], float] = time.time,
    **bundle: object,
) -> Iterator[Behind]:
    running = build(limits or {}, bundle, journal, wall)
    bound = listen("127.0.0.1", 0)
    address = "{}:{}".format(*bound.getsockname())
    listening = threading.Event()

    async def announce() -> None:
        listening.set()

    edge = running.service.edge
    server = DrainingServer(
        running.service.app, edge.settings, edge.log, running.service.drain, announce, refused=edge.metrics.problem
    )
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    try:
        assert listening.wait(20)
        until_ready(running)
        with httpx.Client(base_url=f"http://{address}", timeout=30) as http:
            yield Behind(running.service, running.runtime, running.log, http, address, server, thread)
    finally:
        server.should_exit = True
        running.runtime.gate.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def open_inside() -> Callable[..., AbstractAsyncContextManager[Inside]]:
    """Starts a service in this process: `async with open_inside(limits, **bundle) as running`."""
    return inside


@pytest.fixture
def open_behind() -> Callable[..., AbstractContextManager[Behind]]:
    """Starts a service behind a port: `with open_behind(limits, **bundle) as running`."""
    return behind


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Talks to an hourly service: horizon 3, quantiles 0.1, 0.5, 0.9, no covariates."""
    async with inside() as running:
        yield running.http


@pytest.fixture(scope="module")
def live() -> Iterator[Behind]:
    """That same service behind a port, shared by the tests of a file."""
    with behind() as running:
        yield running
