"""Connections that came and went leave nothing behind, and nothing to the collector of cycles, which comes seldom."""

from __future__ import annotations

import gc
import socket
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.server import ServerProtocol
from websockets.sync.client import connect

from service.api.arriving import Arriving
from service.api.stream import GOING, Connection
from service.api.taking import Taken, Taker
from service.api.unread import Unread
from service.errors import GatecastError
from service.journal.sqlite import SqliteJournal
from tests.api.conftest import Behind
from tests.api.test_columns import ask, new

TIMES = 3
START = "2015-01-10T00:00:00"
KINDS = (
    *(HttpToolsProtocol, RequestResponseCycle, Request, Arriving, Unread),
    *(WebSocketsSansIOProtocol, ServerProtocol, Connection, Taker, Taken, GatecastError),
)


def left() -> Counter[str]:
    """What of connections there is in this process."""
    return Counter(type(each).__name__ for each in gc.get_objects() if issubclass(type(each), KINDS))


def a_request(running: Behind, session: str) -> None:
    with httpx.Client(base_url=f"http://{running.address}") as http:
        assert http.get(f"/v1/sessions/{session}").status_code == 200


def a_refused_request(running: Behind, session: str) -> None:
    with httpx.Client(base_url=f"http://{running.address}") as http:
        assert http.get("/v1/sessions/nobodys").status_code == 404
        assert http.delete("/v1/sessions/nobodys").status_code == 404
        assert http.put(f"/v1/sessions/{session}", json={"history": {"start": START, "y": [1, 2]}}).status_code == 409
        assert http.get(f"/v1/sessions/{session}/forecast").status_code == 409  # it has no reading yet
        assert http.post(f"/v1/sessions/{session}/observations", json={"y": "1"}).status_code == 422
        assert http.put("/v1/sessions/a", content=b"{").status_code == 415
        assert http.get("/v1/sessions?limit=0").status_code == 422
        assert http.get("/nowhere").status_code == 404
        assert http.put("/live").status_code == 405


def a_broken_head(running: Behind, _: str) -> None:
    host, port = running.address.split(":")
    for sent in (b"", b"GET /v1/model HTTP/1.1\r\nHost:", b"\x00\r\n\r\n"):
        with socket.create_connection((host, int(port))) as end:
            end.sendall(sent)


def a_stream(running: Behind, session: str) -> None:
    with connect(running.stream()) as stream:
        assert ask(stream, {"columns": {"session": [session], "y": [1.0], "step": [0]}})


def a_stream_with_errors(running: Behind, session: str) -> None:
    ahead = {"columns": {"session": [session, "nobodys"], "y": [1.0, 1.0], "step": [9, 9]}}
    with connect(running.stream()) as stream:
        for sent in (ahead, {"nonsense": 1}, 1):
            assert ask(stream, sent)


def a_stream_that_breaks_off(running: Behind, session: str) -> None:
    with connect(running.stream()) as stream:
        ask(stream, {"columns": {"session": [session], "y": [1.0], "step": [0]}})
        stream.socket.shutdown(socket.SHUT_RDWR)


def a_stream_that_the_service_ends(running: Behind, _: str) -> None:
    with connect(running.stream()) as stream:
        for each in running.service.edge.streams.open:
            running.server.servers[0].get_loop().call_soon_threadsafe(each.end, GOING, "enough")
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=10)


def a_frame_that_is_too_large(running: Behind, _: str) -> None:
    with connect(running.stream()) as stream, suppress(ConnectionClosed):
        stream.send("x" * (running.service.edge.settings.frame_bytes + 1))
        stream.recv(timeout=10)


def a_refused_stream(running: Behind, _: str) -> None:
    with pytest.raises(InvalidStatus), connect(f"{running.stream()}?horizon=none"):
        pass


@pytest.mark.usefixtures("seldom")
@pytest.mark.parametrize(
    "come_and_go",
    [
        a_request,
        a_refused_request,
        a_broken_head,
        a_stream,
        a_stream_with_errors,
        a_stream_that_breaks_off,
        a_stream_that_the_service_ends,
        a_frame_that_is_too_large,
        a_refused_stream,
    ],
)
def test_what_belongs_to_a_connection_goes_with_it(live: Behind, come_and_go) -> None:
    session, end = new(live.http), time.monotonic() + 20
    before = left()
    for _ in range(TIMES):
        come_and_go(live, session)
    while not left() <= before:
        assert time.monotonic() < end, left()
        time.sleep(0.01)


def test_sessions_that_came_and_went_take_no_more_room_than_those_there_were_at_a_time(
    open_behind, tmp_path: Path
) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite", 1, "1h", "process")
    with open_behind(journal=journal) as running, connect(running.stream()) as stream:
        core, heads = running.service.edge.engine._core, journal._heads

        def room() -> list[int]:
            taken = len(core.table), len(core.cache), len(heads)
            return [*taken, len(core.table.key), core.cache.arena.capacity, len(heads.revision)]

        seen = []
        for _ in range(3):
            for _ in range(66):
                session = new(running.http)
                ask(stream, {"columns": {"session": [session], "y": [1.0], "step": [0]}})
                assert running.http.delete(f"/v1/sessions/{session}").status_code == 204
            seen.append(room())
    assert seen == seen[:1] * 3
    assert seen[0][:3] == [0, 0, 0]
