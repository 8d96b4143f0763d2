"""Connections: as many as may be, those who trickle, those who are silent; who is turned away is told why."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from gatecast_client import GatecastClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.api.conftest import Behind
from tests.api.keyring import bearer, locked
from tests.api.test_columns import ask, new
from tests.api.test_stream_limits import refused

START = "2015-01-10T00:00:00"
BODY = json.dumps({"series": [{"unique_id": "a", "start": START, "y": [1, 2]}]}).encode()
HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def opened(running: Behind) -> socket.socket:
    host, port = running.address.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def answer(end: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and problem of what comes until the connection is closed; status 0 if it just is."""
    got = b""
    while more := end.recv(2**16):
        got += more
    end.close()
    if not got:
        return 0, {}, None
    head, _, body = got.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, json.loads(body)


def told(running: Behind, code: str) -> int:
    """How often it was refused, as the metrics have it."""
    value = running.service.edge.metrics.registry.get_sample_value("gatecast_problems_total", {"code": code})
    return int(value or 0)


def until(settled: Any) -> None:
    for _ in range(1000):
        if settled():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be so")


def test_the_last_connection_is_taken_and_one_more_is_told_to_come_later(open_behind) -> None:
    with open_behind({"connections": 3, "retry_after_seconds": 7}) as running:
        assert running.http.get("/v1/model").status_code == 200  # on one that is kept
        with connect(running.stream()) as stream, opened(running) as third:
            third.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY))
            for _ in range(3):
                end = opened(running)
                end.sendall(b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\n\r\n")
                status, headers, problem = answer(end)
                assert (status, problem["code"], headers["retry-after"]) == (503, "too_many_connections", "7")
                assert headers["connection"] == "close"
            assert refused(running.stream())[1]["code"] == "too_many_connections"
            assert ask(stream, {"handles": ["a"]})["handles"]["count"] == 1
            third.sendall(BODY)
            assert third.recv(2**16).startswith(b"HTTP/1.1 200")
        until(lambda: running.http.get("/v1/model").status_code == 200)
        assert told(running, "too_many_connections") == 4
        with connect(running.stream()) as stream:
            assert ask(stream, {"handles": ["a"]})["handles"]["count"] == 1, "there is room again"


def test_those_who_are_turned_away_leave_nothing_behind(open_behind) -> None:
    with open_behind({"connections": 1}) as running:
        held = opened(running)
        ends = [opened(running) for _ in range(20)]
        assert {answer(end)[0] for end in ends} == {0}, "nothing was asked"
        until(lambda: len(running.server.server_state.connections) == 1)
        held.close()
        until(lambda: not running.server.server_state.connections)


def test_the_last_stream_of_a_tenant_is_taken_and_one_more_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path, {"streams_per_tenant": 2}) as (running, ring):
        ours, others = bearer(ring.add("acme")), bearer(ring.add("beta"))
        with connect(running.stream(), additional_headers=ours) as first:
            with connect(running.stream(), additional_headers=ours) as second:
                with pytest.raises(InvalidStatus) as more, connect(running.stream(), additional_headers=ours):
                    pytest.fail("it was let in")
                problem = json.loads(more.value.response.body or b"")
                assert (more.value.response.status_code, problem["code"]) == (429, "too_many_streams")
                assert "Retry-After" in more.value.response.headers
                assert problem["limit"] == 2
                with connect(running.stream(), additional_headers=others) as third:
                    assert all(ask(each, {"handles": ["a"]})["handles"] for each in (first, second, third))
            until(lambda: len(running.service.edge.streams.open) == 1)
            with connect(running.stream(), additional_headers=ours) as second:
                assert ask(second, {"handles": ["a"]})["handles"]["count"] == 1
        until(lambda: not running.service.edge.streams.open)
        assert not running.service.edge.streams._of_tenant


def test_a_head_that_does_not_come_to_its_end_is_told_so_and_closed(open_behind) -> None:
    with open_behind({"head_seconds": 0.3}) as running:
        end = opened(running)
        began = time.monotonic()
        end.sendall(HEAD)
        status, headers, problem = answer(end)
        assert (status, problem["code"], headers["connection"]) == (408, "too_slow", "close")
        assert time.monotonic() - began >= 0.3
        half = opened(running)
        half.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n")
        assert answer(half)[2]["code"] == "too_slow"
        assert told(running, "too_slow") == 2


def test_a_head_that_trickles_gets_no_more_time(open_behind) -> None:
    with open_behind({"head_seconds": 0.4}) as running, opened(running) as end:
        end.settimeout(0.05)
        for at in range(200):
            try:
                end.sendall(b"\r\n" if at < 3 else b"GET / HTTP/1.1\r\n" if at == 3 else b"X-%d: y\r\n" % at)
                if got := end.recv(2**16):
                    break
            except TimeoutError:
                continue
        assert b"408" in got
        assert at < 100


def test_a_connection_that_asks_for_nothing_is_closed_without_a_word(open_behind) -> None:
    with open_behind({"head_seconds": 0.2}) as running:
        assert answer(opened(running))[0] == 0
        until(lambda: not running.server.server_state.connections)
        assert told(running, "too_slow") == 0


def test_a_body_that_does_not_come_to_its_end_is_told_so_and_nothing_is_recorded(open_behind) -> None:
    with open_behind({"body_seconds": 0.3}) as running:
        name = new(running.http)
        end = opened(running)
        path = b"POST /v1/sessions/" + name.encode() + b"/observations HTTP/1.1\r\nHost: localhost\r\n"
        end.sendall(path + b"Content-Type: application/json\r\nContent-Length: 30\r\n\r\n" + b'{"step": 0, "y": 1}')
        status, headers, problem = answer(end)
        assert (status, problem["code"], headers["connection"]) == (408, "too_slow", "close")
        assert running.http.get(f"/v1/sessions/{name}").json()["last_step"] is None
        assert told(running, "too_slow") == 1


def test_what_comes_in_time_is_answered_however_long_it_is_worked_on(open_behind) -> None:
    with open_behind({"head_seconds": 0.3, "body_seconds": 0.3, "keep_alive_seconds": 30}) as running:
        running.runtime.gate.clear()
        running.runtime.entered.clear()
        end = opened(running)
        asked = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
        end.sendall(asked)
        assert running.runtime.entered.wait(10)
        end.sendall(asked[:40])  # and the next one begins meanwhile: it waits for us, not we for it
        time.sleep(0.7)
        end.sendall(asked[40:])
        running.runtime.gate.set()
        got = b""
        while got.count(b"HTTP/1.1 200") < 2:
            got += end.recv(2**16)
        time.sleep(0.7)
        end.sendall(asked)
        assert end.recv(2**16).startswith(b"HTTP/1.1 200"), "between two requests there is no head to wait for"
        end.close()


def test_a_connection_is_kept_for_as_long_as_was_set(open_behind) -> None:
    with open_behind({"keep_alive_seconds": 0.2}) as running, opened(running) as end:
        end.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer(end)[0] == 200


def test_a_head_may_be_so_large_and_no_larger(open_behind) -> None:
    with open_behind({"head_bytes": 2048}) as running:
        end = opened(running)
        fits = b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: "
        end.sendall(fits + b"x" * (2048 - len(fits) - 4) + b"\r\n\r\n")
        assert answer(end)[0] == 200
        end = opened(running)
        end.sendall(fits + b"x" * (2049 - len(fits)))
        status, _, problem = answer(end)
        assert (status, problem["code"]) == (431, "head_too_large")
        assert told(running, "head_too_large") == 1


def test_an_idle_stream_is_closed_by_name_and_one_that_speaks_is_not(open_behind) -> None:
    with open_behind({"stream_idle_seconds": 0.5}) as running:
        name = new(running.http)
        with connect(running.stream()) as idle, connect(running.stream()) as speaks:
            began = time.monotonic()
            step = 0
            while time.monotonic() - began < 1.2:
                assert ask(speaks, {"session": name, "step": step, "y": 1})["step"] == step
                step += 1
                time.sleep(0.05)
            with pytest.raises(ConnectionClosed) as closed:
                idle.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert closed.value.rcvd.reason.startswith("idle: no frame for 0.5 s")


async def test_the_client_library_comes_back_from_an_idle_time_when_it_has_something_to_send(open_behind) -> None:
    with open_behind({"stream_idle_seconds": 0.2}) as running:
        async with GatecastClient(f"http://{running.address}") as client, client.stream() as stream:
            await client.open_session("s", start=START)
            assert (await stream.observe("s", 1.0, step=0)).step == 0
            while running.service.edge.streams.open:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            assert not running.service.edge.streams.open, "it does not connect to be silent again"
            assert (await stream.observe("s", 1.0, step=1)).step == 1
