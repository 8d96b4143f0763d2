"""Tenants: a session is its tenant's alone, under whatever form its name is sent, and its name is as it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection, connect

from tests.api.conftest import Behind
from tests.api.keyring import Keyring, bearer, locked
from tests.api.sent_forms import FORMS, Send, ask, one

START = "2015-01-10T00:00:00"
MARK = "\x1f"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Behind, Keyring]]:
    with locked(tmp_path_factory.mktemp("door")) as opened:
        yield opened


@pytest.fixture(scope="module")
def keys(door) -> dict[str, str]:
    return {tenant: door[1].add(tenant) for tenant in ("default", "acme", "beta")}


@pytest.fixture(scope="module")
def sockets(door, keys) -> Iterator[dict[str, ClientConnection]]:
    with ExitStack() as opened:
        yield {
            tenant: opened.enter_context(connect(door[0].stream(), additional_headers=bearer(key)))
            for tenant, key in keys.items()
        }


def put(running: Behind, key: str, name: str, *values: float, **more: Any) -> Any:
    body = {"history": {"start": START, "y": list(values)}, **more} if values else {"start": START, **more}
    return running.http.put(f"/v1/sessions/{quote(name, safe='')}", json=body, headers=bearer(key))


@pytest.mark.parametrize("text", [True, False], ids=["json", "msgpack"])
@pytest.mark.parametrize("send", FORMS)
def test_every_form_of_frame_reaches_the_own_session_and_no_other(door, keys, sockets, send: Send, text: bool) -> None:
    running, _ = door
    name = f"{send.__name__}-{text}"
    assert put(running, keys["acme"], name, 1.0, 2.0).status_code == 201
    assert send(sockets["acme"], text, name, 2) == (2, None)
    for other in ("beta", "default"):
        assert send(sockets[other], text, name, 3) == (None, "unknown_session")
    for guess in (f"acme{MARK}{name}", f"{MARK}acme{MARK}{name}", f"{MARK}{name}"):
        for tenant in ("beta", "default", "acme"):
            step, code = send(sockets[tenant], text, guess, 3)
            assert step is None
            assert code in ("unknown_session", "invalid_session")
    assert send(sockets["acme"], text, name, 3) == (3, None)
    assert put(running, keys["default"], name).status_code == 201
    assert send(sockets["default"], text, name, 0) == (0, None)
    assert send(sockets["acme"], text, name, 4) == (4, None)


def test_no_answer_and_no_error_shows_how_names_are_kept(door, keys) -> None:
    running, _ = door
    headers = bearer(keys["acme"])
    path = "/v1/sessions/shown"
    seen = [
        running.http.get(path, headers=headers),
        put(running, keys["acme"], "shown", 1.0, 2.0, regime=True),
        put(running, keys["acme"], "shown", 1.0, 3.0, regime=True),
        running.http.get(path, headers=headers),
        running.http.post(f"{path}/observations", json={"step": 2, "y": 1}, headers=headers),
        running.http.post(f"{path}/observations", json=[{"step": 9, "y": 1}, {"step": 3, "y": 1}], headers=headers),
        running.http.post(f"{path}/observations", json={"step": 9, "y": 1}, headers=headers),
        running.http.get(f"{path}/forecast", headers=headers),
        running.http.post(f"{path}/forecast", json={}, headers=headers),
        running.http.get(f"{path}/gates", headers=headers),
        running.http.get(f"{path}/regime", headers=headers),
        running.http.delete(path, headers=headers),
        running.http.delete(path, headers=headers),
    ]
    assert [each.status_code for each in seen] == [404, 201, 409, 200, 200, 200, 409, 200, 200, 200, 200, 204, 404]
    for answer in seen:
        assert "acme" not in answer.text
        assert MARK not in answer.text
        assert "u001f" not in answer.text.lower()
        if answer.headers.get("content-type") == "application/json":
            items = answer.json() if isinstance(answer.json(), list) else [answer.json()]
            assert {each["session"] for each in items} == {"shown"}
    assert "acme" not in running.log.getvalue()


def test_the_longest_name_is_as_long_for_every_tenant(door, keys) -> None:
    running, _ = door
    for key in keys.values():
        assert put(running, key, "n" * 200).status_code == 201
        assert put(running, key, "n" * 201).json()["code"] == "invalid_session"
        assert put(running, key, f"a{MARK}b").json()["code"] == "invalid_session"


def test_a_listing_passes_over_other_tenants_whatever_their_sessions_are_called(door, keys) -> None:
    running = door[0]
    for tenant, name in (("acme", "\U0010ffff" * 200), ("acme", "\U0010ffff0"), ("default", "zz"), ("beta", "a")):
        assert put(running, keys[tenant], name).status_code in (200, 201)
    listed, after = [], ""
    while after is not None:
        query = {"limit": 1, "after": after}
        page = running.http.get("/v1/sessions", params=query, headers=bearer(keys["default"]), timeout=10).json()
        listed += [each["session"] for each in page["sessions"]]
        after = page["next"]
    assert "zz" in listed
    assert not any("\U0010ffff" in name for name in listed)


def test_small_frames_of_tenants_are_gathered_without_being_mixed_up(door, keys, sockets) -> None:
    running, _ = door
    for key in keys.values():
        assert put(running, key, "gathered", 1.0).status_code == 201
    for step in range(1, 30):
        for at, socket in enumerate(sockets.values()):
            socket.send(json.dumps({"session": "gathered", "step": step, "y": 10.0 * at + step}))
        answers = [json.loads(socket.recv(timeout=10)) for socket in sockets.values()]
        assert [(each["session"], each["step"]) for each in answers] == [("gathered", step)] * len(answers)
        assert len({each["forecast"]["median"][0] for each in answers}) == len(answers)


def test_monthly_series_and_what_is_known_ahead_are_a_tenants_too(tmp_path) -> None:
    with locked(tmp_path, frequency="1mo", covariates=("price",), future=("price",)) as (running, ring):
        key = ring.add("acme")
        body = {"history": {"start": "2015-01-31", "y": [1.0], "covariates": {"price": [1.0]}}}
        assert running.http.put("/v1/sessions/x", json=body, headers=bearer(key)).status_code == 201
        reading = {"session": "x", "step": 1, "y": 2.0, "covariates": {"price": 1.0}}
        ahead = {"future": {"price": [1.0, 2.0, 3.0]}}
        with connect(running.stream(), additional_headers=bearer(key)) as socket:
            first = ask(socket, reading | ahead, text=True)
            assert (first["session"], first["ds"], first["forecast"]["start"]) == (
                "x",
                "2015-02-28T00:00:00",
                "2015-03-31T00:00:00",
            )
            # the reading that carries what is known ahead cannot be decoded: the other is recorded without
            second = ask(socket, [reading | {"step": 2}, reading | ahead | {"y": "x"}], text=True)
            assert [each["session"] for each in second] == ["x", "x"]
            assert second[0]["step"] == 2
            assert "error" not in second[0], second[0]


def test_sessions_are_dealt_by_the_name_that_the_client_knows(tmp_path) -> None:
    from gatecast_client.dealing import dealt_to

    names = [f"meter-{at}" for at in range(40)]
    with locked(tmp_path, {"workers": 2, "worker": 0}) as (running, ring):
        key = ring.add("acme")
        with connect(running.stream(), additional_headers=bearer(key)) as socket:
            for name in names:
                made = put(running, key, name)
                owner = dealt_to(name, 2)
                assert made.status_code == (201 if owner == 0 else 421), name
                item = ask(socket, one(name, 0), text=True)
                assert item["session"] == name
                if owner:
                    assert (item["error"]["code"], item["error"]["worker"]) == ("misdirected", 1)
                    assert f"session '{name}' is with worker 1" in item["error"]["message"]
                else:
                    assert item["step"] == 0


EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
moves = st.lists(
    st.tuples(
        st.sampled_from(["default", "acme", "beta"]),
        st.sampled_from(["a", "b", f"acme{MARK}a", "beta", ""]),
        st.sampled_from(["make", "read", "delete", *FORMS]),
        st.booleans(),
    ),
    max_size=12,
)


@pytest.fixture
def emptied(door, keys) -> None:
    """Whatever other tests have left is gone."""
    for tenant in keys:
        for name in ("a", "b", "beta"):
            assert door[0].http.delete(f"/v1/sessions/{name}", headers=bearer(keys[tenant])).status_code in (204, 404)


@EXAMPLES
@pytest.mark.usefixtures("emptied")
@given(moves=moves)
def test_tenants_with_the_same_names_never_see_each_other(door, keys, sockets, moves: Any) -> None:
    """Beside a model in which each tenant has sessions of its own, by name, with so many readings."""
    running, _ = door
    http = running.http
    kept: dict[tuple[str, str], int] = {}
    try:
        for tenant, name, move, text in moves:
            place = tenant, name
            path, headers = f"/v1/sessions/{quote(name, safe='')}", bearer(keys[tenant])
            sound = name in ("a", "b", "beta")
            if move == "make":
                status = put(running, keys[tenant], name).status_code
                assert status == ((200 if place in kept else 201) if sound else 422 if name else 404)
                if sound:
                    kept.setdefault(place, 0)
            elif move == "read":
                answer = http.get(path, headers=headers)
                assert answer.status_code == (200 if place in kept else 404 if sound or not name else 422)
                if place in kept:
                    assert answer.json()["next_step"] == kept[place]
            elif move == "delete":
                assert http.delete(path, headers=headers).status_code == (
                    204 if place in kept else 404 if sound or not name else 422
                )
                kept.pop(place, None)
            else:
                step, code = move(sockets[tenant], text, name, kept.get(place, 0))
                assert (step is not None) == (place in kept), (place, move.__name__, code)
                if place in kept:
                    kept[place] += 1
    finally:
        for tenant, name in kept:
            http.delete(f"/v1/sessions/{quote(name, safe='')}", headers=bearer(keys[tenant]))
