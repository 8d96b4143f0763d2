"""Frames through a whole service without sockets and without its thread, stage by stage, each one counted."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.load.sessions import write
from service.app import Service, open_service
from service.logs import open_log
from service.settings import Settings
from tests.guard.instructions import Instructions

MANY = 256
TURNS = 20  # of the event loop, in which a frame has come to the engine, or its answer to the client
SETTLED, COUNTED = 2, 3  # frames; the least of those that are counted counts: now and then an array grows
STAGES = ("edge, in", "engine", "edge, out")

Counts = dict[str, dict[str, int]]  # by what is sent and by stage


def _itemised(names: list[str], step: int) -> object:
    readings = [{"session": name, "step": step, "y": 100.0} for name in names]
    return readings if len(names) > 1 else readings[0]


def _as_lists(names: list[str], step: int) -> object:
    return {"sessions": list(range(len(names))), "steps": [step] * len(names), "y": [100.0] * len(names)}


def _by_columns(names: list[str], step: int) -> object:
    return {
        "sessions": np.arange(len(names), dtype="<u4").tobytes(),
        "steps": np.full(len(names), step, "<i8").tobytes(),
        "y": np.full(len(names), 100.0).tobytes(),
    }


@dataclass(frozen=True)
class Kind:
    """What one connection sends: readings of so many sessions, whose names begin so."""

    name: str
    prefix: str
    readings: int
    frame: Callable[[list[str], int], object]
    text: bool = False  # JSON, and else MessagePack

    @property
    def sessions(self) -> list[str]:
        return [f"{self.prefix}{at}" for at in range(self.readings)]


KINDS = (
    Kind("a reading", "one", 1, _itemised),
    Kind(f"{MANY} readings", "item", MANY, _itemised),
    Kind("a reading by columns", "alone", 1, _by_columns),
    Kind(f"{MANY} readings by columns", "column", MANY, _by_columns),
    Kind("a reading by columns, JSON", "text", 1, _as_lists, text=True),
    Kind(f"{MANY} readings by columns, JSON", "list", MANY, _as_lists, text=True),
)


class Stream:
    """One connection to the service's application, whose other end is here."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "websocket", "path": "/v1/stream", "query_string": b"", "headers": [], "subprotocols": []}
        self._running = asyncio.ensure_future(service.app(scope, self._sent.get, self._answers.put))

    async def open(self) -> None:
        self._sent.put_nowait({"type": "websocket.connect"})
        assert (await self._answers.get())["type"] == "websocket.accept"

    async def close(self) -> None:
        self._sent.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self._running

    async def ask(self, body: object, text: bool) -> tuple[Any, list[int]]:
        """The answer, and what each stage of getting it took."""
        sent = {"text": msgspec.json.encode(body).decode()} if text else {"bytes": msgspec.msgpack.encode(body)}
        self._sent.put_nowait({"type": "websocket.receive", **sent})
        stages = [Instructions() for _ in STAGES]
        came, computed, left = stages
        with came:
            await _turns()
        with computed:
            self._service.edge.engine._core.stream.turn()
        with left:
            await _turns()
        came_back = self._answers.get_nowait()
        answer = msgspec.json.decode(came_back["text"]) if text else msgspec.msgpack.decode(came_back["bytes"])
        return answer, [stage.number for stage in stages]


async def counted(bundle: Path, folder: Path) -> Counts:
    """What an ordinary frame of each kind takes, by stage; `AssertionError` if an answer is not an acknowledgement."""
    journal = folder / "journal.sqlite"
    write(journal, bundle, {kind.prefix: kind.readings for kind in KINDS})
    settings = Settings.read(bundle=bundle, journal=f"sqlite:{journal}", durable="process", runtime="native")
    service = open_service(settings, open_log("error", "json", io.StringIO()))
    try:
        return {kind.name: await _stages(Stream(service), kind) for kind in KINDS}
    finally:
        service.edge.engine._upkeep.finish()


async def _stages(stream: Stream, kind: Kind) -> dict[str, int]:
    await stream.open()
    await stream.ask({"handles": kind.sessions}, kind.text)
    found: list[list[int]] = []
    for step in range(SETTLED + COUNTED):
        answer, stages = await stream.ask(kind.frame(kind.sessions, step), kind.text)
        acknowledged = answer if isinstance(answer, list) else [answer]
        assert not any("error" in each or "errors" in each for each in acknowledged), answer
        found.append(stages)
    await stream.close()
    return dict(zip(STAGES, map(min, zip(*found[SETTLED:], strict=True)), strict=True))


async def _turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
