"""Requests that may be made twice are, where their answer is lost; others say that they may be called again."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

import pytest
from gatecast_client import ConnectionLost, GatecastClient, GatecastError, Retry, Series
from gatecast_client.requests import IDLE_SECONDS

from service.settings import Settings
from tests.client.scripted import Hours

SESSION = (
    '{"session": "a", "start": null, "last_step": null, "last_ds": null, "next_step": 0, "revision": 0, '
    '"durable": "none", "changed": 0, "added": 0, "filled": 0, "series": []}'
)
STALE = '{"code": "stale_session", "detail": "in words"}'
DRAINING = '{"code": "draining", "detail": "in words"}'


class Shop:
    """Answers every request with a session, but for the next ones, which are its `fates`: cut off, or refused."""

    def __init__(self) -> None:
        self.fates: deque[str] = deque()
        self.asked: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = [line for line in head.lower().split("\r\n") if line.startswith("content-length: ")]
        await reader.readexactly(int(length[0].split()[1]) if length else 0)
        self.asked.append(" ".join(head.split()[:2]))
        fate = self.fates.popleft() if self.fates else "200 OK"
        if fate != "cut":
            body = {"409 Conflict": STALE, "503 Busy": DRAINING}.get(fate, SESSION)
            writer.write(f"HTTP/1.1 {fate}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()
        writer.close()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    running = Shop()
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
async def client(shop: Shop, hours: Hours) -> AsyncIterator[GatecastClient]:
    retry = Retry(clock=hours, sleep=hours.sleep, random=lambda: 0.0, patience_seconds=7.0)
    async with GatecastClient(f"http://127.0.0.1:{shop.port}", retry=retry) as opened:
        yield opened


async def test_what_asks_and_what_opens_a_session_is_made_again_where_its_answer_is_lost(
    shop: Shop, client: GatecastClient, hours: Hours
) -> None:
    for call in (client.session("a"), client.open_session("a"), client.predict(Series([1.0]))):
        shop.fates.extend(["cut", "503 Busy"])
        await call
    assert shop.asked == ["GET /v1/sessions/a"] * 3 + ["PUT /v1/sessions/a"] * 3 + ["POST /v1/predict"] * 3
    assert hours.slept == [0.1, 0.2] * 3


async def test_what_may_not_be_made_twice_unseen_says_that_its_answer_is_lost(
    shop: Shop, client: GatecastClient, hours: Hours
) -> None:
    for call in (client.open_session("a", replace=True), client.rewind("a", 3), client.delete_session("a")):
        shop.fates.append("cut")
        with pytest.raises(ConnectionLost, match="may be made again"):
            await call
    assert (len(shop.asked), hours.slept) == (3, [])


async def test_a_service_that_has_answered_before_is_waited_for_and_not_for_ever(
    shop: Shop, client: GatecastClient, hours: Hours
) -> None:
    with_shop = await client.session("a")
    await shop.stop()
    with pytest.raises(ConnectionLost, match="no service answered"):
        await client.rewind("a", 3)
    assert hours.slept == []
    with pytest.raises(ConnectionLost, match=r"tried \d times in"):
        await client.session("a")
    assert 7.0 <= hours.now < 12.0
    asked = asyncio.create_task(client.session("a"))
    while len(hours.slept) < 8:
        await asyncio.sleep(0)
    await shop.start()
    assert await asked == with_shop


async def test_a_session_that_somebody_else_moves_on_is_asked_for_again_a_few_times(
    shop: Shop, client: GatecastClient, hours: Hours
) -> None:
    shop.fates.extend(["409 Conflict"] * 2)
    assert (await client.rewind("a", 3)).next_step == 0
    assert hours.slept == [0.1, 0.2]
    shop.fates.extend(["409 Conflict"] * 10)
    with pytest.raises(GatecastError) as told:
        await client.correct("a", {3: 1.0})
    assert told.value.code == "stale_session"
    assert len(shop.asked) == 3 + 6


async def test_a_connection_that_the_service_may_be_ending_as_idle_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    came: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        while (await reader.read(65_536)) != b"":
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(SESSION)}\r\n\r\n{SESSION}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, GatecastClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
        connections, now = [], time.monotonic()
        for idle in (0.0, IDLE_SECONDS / 2, Settings.model_fields["keep_alive_seconds"].default / 2):
            now += idle
            monkeypatch.setattr(time, "monotonic", lambda now=now: now)
            await client.delete_session("a")
            connections.append(len(came))
        monkeypatch.undo()
    for writer in came:
        writer.close()
        await writer.wait_closed()
    assert connections == [1, 1, 2]
