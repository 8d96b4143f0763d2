"""A client that breaks the websocket's rules, or leaves too early, is no fault of the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from service.api.protocols import protocols
from service.logs import silent_log
from service.settings import Settings
from tests.chaos import wire
from tests.fuzz.connection import Connection
from tests.fuzz.wires import frame

START = "2015-01-10T00:00:00"


@pytest.fixture
def held(open_behind) -> Iterator[Any]:
    """A service whose next run waits, and a client with a reading in it."""
    with open_behind() as running:
        running.http.put("/v1/sessions/taxi", json={"start": START})
        running.runtime.gate.clear()
        running.runtime.entered.clear()  # it was set by the warm-up
        client = Connection(int(running.address.rpartition(":")[2]))
        client.send(frame(1, json.dumps({"session": "taxi", "step": 0, "y": 1}).encode()))
        assert running.runtime.entered.wait(20)
        yield running, client
        client.leave(abruptly=False)


def recorded(running: Any) -> int:
    running.runtime.gate.set()
    with httpx.Client(base_url=f"http://{running.address}") as http:
        http.get("/v1/sessions/taxi/forecast")  # behind the run that waited
        step: int = http.get("/v1/sessions/taxi").json()["next_step"]
    return step


@pytest.mark.parametrize("sent", [frame(3, b""), frame(1, b"\xff"), b"\x82\x01a", frame(0x41, b"")])
def test_what_was_taken_before_a_broken_frame_is_recorded_and_its_answer_is_let_go_of(held, sent: bytes) -> None:
    running, client = held
    client.send(sent)
    assert client.farewell().code in (1002, 1007)
    assert recorded(running) == 1
    ended(running)


class Wire(asyncio.Transport):
    """A connection whose client reads so slowly that what was written, and its end, are still on their way."""

    def write(self, data: bytes) -> None: ...  # type: ignore[override]
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None: ...
    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 1


def broken(stream: Any) -> None:
    stream.data_received(frame(3, b""))


def silent(stream: Any) -> None:
    stream.keepalive_timeout()


@pytest.mark.parametrize("ends", [broken, silent])
async def test_an_answer_to_a_stream_that_has_been_ended_finds_the_client_gone(ends: Callable[[Any], None]) -> None:
    told: list[BaseException] = []
    taken, answer = asyncio.Event(), asyncio.Event()

    async def application(_: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        taken.set()
        await answer.wait()
        try:
            await send({"type": "websocket.send", "text": "1"})
        except Exception as fault:  # the server would swallow it; the test asserts that there was none, of any type
            told.append(fault)

    config = Config(
        application,
        http=HttpToolsProtocol,
        ws=protocols(Settings(bundle="unused"), silent_log(), lambda *_: None)[1],
        log_config=None,
        lifespan="off",
    )
    config.load()
    state = ServerState()
    stream: Any = config.ws_protocol_class(config, state, {})  # type: ignore[misc]
    stream.connection_made(Wire())
    stream.data_received(wire.handshake(80))
    stream.data_received(frame(1, b"1"))
    await taken.wait()
    ends(stream)
    answer.set()
    await asyncio.gather(*state.tasks)
    stream.connection_lost(None)
    assert [type(fault) for fault in told] == [ClientDisconnected]


def ended(running: Any) -> None:
    """Its end is in the log as that of any stream, and no fault is."""
    running.server.should_exit = True
    running.thread.join(20)
    said = running.log.getvalue()
    assert "stream closed" in said
    assert '"fault"' not in said
    assert "Exception in ASGI application" not in said


async def test_a_client_that_has_left_before_its_handshake_is_answered_is_no_fault(open_inside) -> None:
    async with open_inside() as inside:

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(_: dict[str, Any]) -> None:
            raise BrokenPipeError

        for path in (b"/v1/stream", b"/v1/stream?every=0", b"/v1/nothing"):
            messages = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}])
            route, _, query = path.partition(b"?")
            scope = {
                "type": "websocket",
                "path": route.decode(),
                "raw_path": route,
                "query_string": query,
                "headers": [],
            }
            await inside.service.app(scope, receive, send)
        assert '"fault"' not in inside.log.getvalue()
