"""Keys and origins at the websocket: by header, by subprotocol, never by the address, and no more once revoked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.api.conftest import Behind
from tests.api.keyring import Keyring, bearer, locked

START = "2015-01-10T00:00:00"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Behind, Keyring]]:
    with locked(tmp_path_factory.mktemp("door")) as opened:
        yield opened


def protocols(*names: str) -> list[Subprotocol]:
    return [Subprotocol(name) for name in names]


def refusal(running: Behind, query: str = "", **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refused, connect(running.stream(query), **options):
        pytest.fail("it was let in")
    response = refused.value.response
    if response.status_code == 401:
        assert response.headers["www-authenticate"] == "Bearer"
    return response.status_code, json.loads(response.body or b"{}")


def test_a_key_comes_by_header(door) -> None:
    running, ring = door
    with connect(running.stream(), additional_headers=bearer(ring.add())) as socket:
        assert socket.subprotocol is None
        socket.send("[]")
        assert socket.recv(timeout=10) == "[]"


def test_a_key_comes_by_subprotocol_and_is_not_sent_back(door) -> None:
    running, ring = door
    offered = protocols("gatecast", f"gatecast.key.{ring.add()}")
    with connect(running.stream(), subprotocols=offered) as socket:
        assert socket.subprotocol == "gatecast"
        assert socket.response is not None
        assert "gc_" not in str(socket.response.headers)


def test_a_key_without_the_subprotocol_beside_it_is_told_so(door) -> None:
    running, ring = door
    status, problem = refusal(running, subprotocols=protocols(f"gatecast.key.{ring.add()}"))
    assert (status, problem["code"]) == (401, "unauthenticated")
    assert "`gatecast` was expected too" in problem["detail"]


@pytest.mark.parametrize("path", ["/v1/stream", "/v1/other", "/"])
def test_a_stream_without_a_key_is_refused(door, path: str) -> None:
    running, _ = door
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{running.address}{path}"):
        pytest.fail("it was let in")
    assert refused.value.response.status_code == 401


def test_a_wrong_key_and_a_wrong_scope_are_refused(door) -> None:
    running, ring = door
    assert refusal(running, additional_headers=bearer("gc_00ff00ff_x"))[1]["code"] == "unauthenticated"
    status, problem = refusal(running, additional_headers=bearer(ring.add("acme", "read", "admin")))
    assert (status, problem["code"], problem["scope"]) == (403, "forbidden", "write")
    two = {"additional_headers": bearer(ring.add()), "subprotocols": protocols("gatecast", "gatecast.key.other")}
    assert "several that differ" in refusal(running, **two)[1]["detail"]


def test_a_key_in_the_address_is_refused_by_name(door) -> None:
    running, ring = door
    key = ring.add()
    for query in (f"?key={key}", f"?{key}", "?access_token=x"):
        status, problem = refusal(running, query, additional_headers=bearer(key))
        assert (status, problem["code"]) == (400, "key_in_address")
        assert "gatecast.key." in problem["detail"]
        assert key not in json.dumps(problem)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "http://[", "", "http://localhost:80"],
)
def test_a_page_of_another_site_is_refused(door, origin: str) -> None:
    running, ring = door
    status, problem = refusal(running, additional_headers={**bearer(ring.add()), "Origin": origin})
    assert (status, problem["code"]) == (403, "origin_refused")


def test_a_page_of_this_very_host_may_open_a_stream(door) -> None:
    running, ring = door
    for origin in (f"http://{running.address}", f"HTTP://{running.address}"):
        with connect(running.stream(), additional_headers={**bearer(ring.add()), "Origin": origin}) as socket:
            socket.send("[]")
            assert socket.recv(timeout=10) == "[]"


@pytest.mark.parametrize(
    ("named", "origin", "may"),
    [
        ("https://a.example", "https://a.example", True),
        ("https://a.example,http://b.example:81", "http://B.example:81", True),
        ("https://a.example", "https://a.example:443", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example.evil", False),
        ("*", "https://anything.example", True),
    ],
)
def test_sites_that_were_named_may_open_streams(open_behind, named: str, origin: str, may: bool) -> None:
    with open_behind({"origins": named}) as running:
        if may:
            with connect(running.stream(), additional_headers={"Origin": origin}) as socket:
                socket.send("[]")
                assert socket.recv(timeout=10) == "[]"
        else:
            assert refusal(running, additional_headers={"Origin": origin})[1]["code"] == "origin_refused"


@pytest.mark.parametrize("idle", [True, False])
def test_a_stream_is_closed_by_name_when_its_key_is_revoked(door, idle: bool) -> None:
    running, ring = door
    key, other = ring.add(), ring.add()
    name = f"revoked-{idle}"
    running.http.put(f"/v1/sessions/{name}", json={"start": START}, headers=bearer(other))
    with (
        connect(running.stream(), additional_headers=bearer(key)) as socket,
        connect(running.stream(), additional_headers=bearer(other)) as stays,
    ):
        if not idle:
            socket.send(json.dumps({"session": name, "step": 0, "y": 1}))
            assert json.loads(socket.recv(timeout=10))["step"] == 0
        ring.revoke(key)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "unauthenticated: this key was revoked")
        stays.send("[]")
        assert stays.recv(timeout=10) == "[]"


def test_a_stream_is_closed_when_its_key_expires(door) -> None:
    running, ring = door
    with connect(running.stream(), additional_headers=bearer(ring.add(days=1.2 / 86_400))) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "unauthenticated: this key has expired")
