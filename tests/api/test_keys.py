"""Keys by request: every route that there is, with every key that there may be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from service import portable
from service.api.callers import ADMIN, OPEN, READ, WRITE
from service.api.openapi import endpoints
from service.journal import Kept
from service.keys import parts_of
from tests.api.conftest import Behind
from tests.api.keyring import Keyring, bearer, locked

START = "2015-01-10T00:00:00"
READING = {"step": 1, "y": 2.0}
SESSION = {"history": {"start": START, "y": [1.0]}, "regime": True, "quality": True}
INFERENCE = {
    "inputs": [
        {"name": "y", "datatype": "FP64", "shape": [1, 2], "data": [1.0, 2.0]},
        {"name": "start", "datatype": "BYTES", "shape": [1, 1], "data": [START]},
    ]
}
SERIES = {
    "model": "fake",
    "inputs": [{"type": "univariate_time_series", "name": "a", "series": [1.0, 2.0], "start_timestamp": START}],
    "options": {"horizon": 1},
}
DEPLOYING = ("/v1/models", "/v2/repository/models")
BODIES: dict[tuple[str, str], Any] = {  # of requests that need one; a new route that does must say it here
    ("POST", "/v1/predict"): {"series": [{"unique_id": "a", "start": START, "y": [1.0, 2.0]}]},
    ("PUT", "/v1/sessions/{session}"): SESSION,
    ("POST", "/v1/sessions/{session}/observations"): READING,
    ("POST", "/v1/sessions/{session}/corrections"): {"readings": [{"step": 0, "y": 3.0}]},
    ("POST", "/v1/sessions/{session}/rewind"): {"step": -1},
    ("POST", "/v1/sessions/{session}/fork"): {"session": "another"},
    ("POST", "/v1/timeseries/forecast"): SERIES,
    ("POST", "/v2/models/{model}/infer"): INFERENCE,
    ("POST", "/v2/models/{model}/versions/{version}/infer"): INFERENCE,
}
DOCUMENT = "/openapi.json"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Behind, Keyring]]:
    with locked(tmp_path_factory.mktemp("door")) as opened:
        yield opened


def a_file(running: Behind) -> bytes:
    """A session as somebody else has exported it."""
    kept = Kept(0, "", {}, False, 0, 0, np.array([[1.0]]), ())
    return portable.encode("any", kept, portable.Meaning.of(running.service.edge.bundle.manifest))


def ask(running: Behind, method: str, path: str, key: str | None, session: str) -> httpx.Response:
    body = BODIES.get((method, path))
    headers = {} if key is None else bearer(key)
    path = path.replace("{model}", "fake.predict").replace("{version}", "1" if path.startswith("/v2") else "{version}")
    if path.endswith("/import"):
        headers |= {"content-type": portable.MEDIA_TYPE}
        where = path.replace("{session}", session)
        return running.http.put(f"{where}?replace=true", content=a_file(running), headers=headers)
    return running.http.request(method, path.replace("{session}", session), json=body, headers=headers)


def test_every_route_is_known_and_says_what_it_needs(door) -> None:
    running, _ = door
    found = endpoints(running.service.app)
    assert len(found) >= 13  # each with a body in BODIES where it needs one
    assert {path for _, path, scope in found if scope is None} == OPEN
    administrative = {path for _, path, scope in found if scope == ADMIN and not path.startswith(DEPLOYING)}
    assert administrative == {"/metrics", "/v1/quality"}
    for method, path, scope in found:
        if "{session}" in path and not path.endswith("/forecast"):
            assert scope == (READ if method == "GET" else WRITE), (method, path)


@pytest.mark.parametrize("sent", ["none", "wrong", "ended", "scope", "tenant", "right"])
def test_every_route_with_every_key(door, sent: str) -> None:
    running, ring = door
    owner, stranger = ring.add("acme"), ring.add("beta")
    for at, (method, path, scope) in enumerate(endpoints(running.service.app)):
        session = f"{sent}-{at}"
        put = running.http.put(f"/v1/sessions/{session}", json=SESSION, headers=bearer(owner))
        assert put.status_code == 201, put.text
        keys: dict[str, Callable[[], str | None]] = {
            "none": lambda: None,
            "wrong": lambda: f"{owner[:-1]}{'a' if owner[-1] != 'a' else 'b'}",
            "ended": lambda: ring.add("acme", days=0),
            "scope": lambda scope=scope: ring.add("acme", *({"read", "write", "admin"} - {scope})),
            "tenant": lambda: stranger,
            "right": lambda scope=scope: ring.add("acme", scope or "read"),
        }
        key = keys[sent]()
        answer = ask(running, method, path, key, session)
        where = f"{method} {path} {sent}: {answer.text}"
        none_to_deploy = path.startswith(DEPLOYING) and answer.status_code in (404, 409)  # it has one model
        if scope is None or sent == "right":
            assert answer.status_code < 400 or none_to_deploy, where
        elif sent in ("none", "wrong", "ended"):
            assert answer.status_code == 401, where
            assert answer.json()["code"] == "unauthenticated", where
            assert answer.headers["www-authenticate"] == "Bearer", where
        elif sent == "scope":
            assert (answer.status_code, answer.json()["code"], answer.json()["scope"]) == (403, "forbidden", scope)
        elif "{session}" in path and method != "PUT":
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_session"), where
        else:
            assert answer.status_code < 400 or none_to_deploy, where
        if key is not None:
            assert parts_of(key)[1] not in answer.text
        if scope is not None and sent != "right":  # nothing was changed, and the other's session is where it was
            kept = running.http.get(f"/v1/sessions/{session}", headers=bearer(owner)).json()
            assert (kept["last_step"], kept["revision"]) == (0, put.json()["revision"]), where


@pytest.mark.parametrize("path", [DOCUMENT, "/redoc", "/v1/nothing", "/live/", "//live", "/%6Cive", "/v1/sessions/x/y"])
def test_strangers_do_not_learn_which_paths_there_are(door, path: str) -> None:
    running, ring = door
    where = f"http://{running.address}{path}"  # whole: a path that begins with two slashes would name a host
    answer = running.http.get(where)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    known = running.http.get(where, headers=bearer(ring.add("acme", "read")))
    assert known.status_code == (200 if path == DOCUMENT else 404)


def test_who_may_not_look_after_the_service_is_not_told_why_it_is_not_ready(door) -> None:
    running, ring = door
    keys = [None, ring.add("acme", "read", "write"), ring.add("acme", "admin")]
    health = running.service.edge.engine._health
    before = health.ready, health.reason
    try:
        health.ready, health.reason = False, "the disk at /var/secret is full"
        answers = [running.http.get("/ready", headers=bearer(key) if key else {}) for key in keys]
    finally:
        health.ready, health.reason = before
    assert [answer.status_code for answer in answers] == [503] * 3
    assert ["/var/secret" in answer.text for answer in answers] == [False, False, True]
    assert running.http.get("/live", headers=bearer("wrong")).json() == {"live": True}


@pytest.mark.parametrize(
    "query",
    ["key=abc", "API_KEY=abc", "access_token=abc", "x=gc_00ff00ff_abc", "gc_00ff00ff_abc", "x=gc%5F00ff00ff%5Fabc"],
)
def test_a_key_in_an_address_is_refused_by_name_and_not_repeated(door, query: str) -> None:
    running, ring = door
    answer = running.http.get(f"/v1/model?{query}", headers=bearer(ring.add()))
    assert (answer.status_code, answer.json()["code"]) == (400, "key_in_address")
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert "abc" not in answer.text


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([("Authorization", "Basic Z2F0ZTpjYXN0")], "another kind"),
        ([("Authorization", "Bearer")], "another kind|none of this"),
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], "several that differ"),
    ],
)
def test_what_is_sent_instead_of_a_key_is_refused_in_words(door, headers: Any, said: str) -> None:
    running, _ = door
    answer = running.http.get("/v1/model", headers=headers)
    assert answer.status_code == 401
    assert any(each in answer.json()["detail"] for each in said.split("|"))


def test_a_revoked_key_is_refused_and_the_log_knows_ids_alone(door) -> None:
    running, ring = door
    key = ring.add("acme", "read")
    assert running.http.get("/v1/model", headers=bearer(key)).status_code == 200
    ring.revoke(key)
    answer = running.http.get("/v1/model", headers=bearer(key))
    assert "this key was revoked" in answer.json()["detail"]
    lines = [json.loads(line) for line in running.log.getvalue().splitlines()]
    assert parts_of(key)[0] in [line.get("key") for line in lines]


def test_no_body_is_read_of_a_stranger(door) -> None:
    running, _ = door
    began = time.monotonic()
    answer = running.http.post("/v1/predict", content=b"x" * 2**20)
    assert answer.status_code == 401
    assert time.monotonic() - began < 10


def test_who_sends_no_key_is_served_where_that_was_said(tmp_path) -> None:
    with locked(tmp_path, {"allow_anonymous": True}) as (running, ring):
        assert running.http.get("/v1/model").status_code == 200
        assert running.http.put("/v1/sessions/x", json={"start": START}).status_code == 201
        metrics = running.http.get("/metrics")
        assert (metrics.status_code, metrics.json()["code"]) == (401, "unauthenticated")
        assert running.http.get("/v1/model", headers=bearer("wrong")).status_code == 401
        ring.path.unlink()
        ring.changed()
        broken = running.http.get("/v1/model", headers=bearer("wrong"))
        assert (broken.status_code, broken.json()["code"]) == (503, "access_unavailable")
        assert broken.headers["retry-after"] == "1"


def test_the_document_says_which_key_each_endpoint_needs(door) -> None:
    running, ring = door
    key = ring.add("acme", "read")
    document = running.http.get("/openapi.json", headers=bearer(key)).json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for method, path, scope in endpoints(running.service.app):
        operation = document["paths"][path][method.lower()]
        if scope is None:
            assert "security" not in operation
            continue
        assert operation["security"] == [{"key": []}], path
        assert f"Needs the scope `{scope}`" in operation["description"]
        for status, code in (("401", "unauthenticated"), ("403", "forbidden")):
            examples = operation["responses"][status]["content"]["application/problem+json"]["examples"]
            assert code in examples, path


async def test_without_keys_the_document_asks_for_none(http) -> None:
    document = (await http.get("/openapi.json")).json()
    assert document["paths"]["/v1/model"]["get"]["security"] == [{"key": []}, {}]
