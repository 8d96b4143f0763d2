"""Engines that let go of old readings, on clocks that are moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.engine import Engine, EngineSettings
from service.journal import Head, Journal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import Clock, Watcher, turn

LEAVES = 0.5  # seconds: longer than the pause between two pieces of housekeeping


class Keeper(Watcher):
    """Watches what goes, too."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = 0
        self.lapsed = 0
        self.takes: list[tuple[int, int]] = []

    def released(self, sessions: int, readings: int) -> None:  # noqa: ARG002
        self.gone += readings

    def expired(self, sessions: int) -> None:
        self.lapsed += sessions

    def stored(self, size: int, sessions: int) -> None:
        self.takes.append((size, sessions))


class Wall(Clock):
    """The time of day."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0


@asynccontextmanager
async def keeping(
    journal: Journal,
    clock: Clock,
    runtime: FakeRuntime | None = None,
    watcher: Keeper | None = None,
    wall: Wall | None = None,
    **bounds: object,
) -> AsyncIterator[Engine]:
    """An engine that does its housekeeping when the clock has been moved on, and only then."""
    settings = EngineSettings(**{"idle_seconds": 60.0, **bounds})  # type: ignore[arg-type]
    runtime = runtime or FakeRuntime(fake_bundle())
    engine = Engine(runtime, journal, settings, watcher, clock=clock, wall=wall or Wall())
    engine.start()
    await turn(engine)
    runtime.log.clear()
    try:
        yield engine
    finally:
        await engine.drain()


async def settle(engine: Engine, clock: Clock, turns: int = 10) -> None:
    """So much time passes that everything is looked at, and replays of a few chunks have come to their end."""
    for _ in range(turns):
        clock.now += LEAVES
        await turn(engine)
    await turn(engine)


def head_of(journal: Journal, name: str) -> Head:
    head = journal.head(name)
    assert head is not None
    return head
