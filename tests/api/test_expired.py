"""What clients are told of sessions that have expired, and of readings that were let go of."""

from __future__ import annotations

import json

import httpx
import pytest
from websockets.sync.client import connect

from service.journal.memory import MemoryJournal
from tests.api.conftest import Behind
from tests.service.retaining import Wall

START = "2015-01-10T00:00:00"
HISTORY = {"history": {"start": START, "y": [1, 2, 3]}}
TRIES = 2_000  # requests until the engine has come round to its housekeeping


def until_expired(http: httpx.Client, name: str) -> httpx.Response:
    for _ in range(TRIES):
        answer = http.get(f"/v1/sessions/{name}")
        if answer.status_code == 410:
            return answer
    raise AssertionError(answer.text)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def running(open_behind, wall: Wall):
    with open_behind(journal=MemoryJournal(1, wall), wall=wall) as running:
        running.http.put("/v1/sessions/old", json={**HISTORY, "ttl_seconds": 60})
        running.http.put("/v1/sessions/other", json=HISTORY)
        wall.now += 3_600
        until_expired(running.http, "old")
        yield running


def test_requests_are_answered_with_when_it_was_over_and_where_it_stood(running: Behind) -> None:
    http = running.http
    for answer in (
        http.get("/v1/sessions/old"),
        http.get("/v1/sessions/old/forecast"),
        http.get("/v1/sessions/old/gates"),
        http.post("/v1/sessions/old/observations", json={"y": 4, "step": 3}),
        http.put("/v1/sessions/old", json={**HISTORY, "ttl_seconds": 60}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "expired")
        assert answer.json()["last_step"] == 2
        assert answer.json()["expired_at"] == "2023-11-14T22:14:20Z"
        assert "replace=true" in answer.json()["detail"]


def test_a_stream_is_told_by_item_and_by_column_and_goes_on(running: Behind) -> None:
    with connect(running.stream()) as stream:
        stream.send(json.dumps([{"session": "old", "step": 3, "y": 4}, {"session": "other", "step": 3, "y": 4}]))
        refused, taken = json.loads(stream.recv(timeout=10))
        assert (refused["error"]["code"], refused["error"]["last_step"], taken["step"]) == ("expired", 2, 3)
        stream.send(json.dumps({"sessions": ["old", "other"], "steps": [3, 4], "y": [4, 5]}))
        answer = json.loads(stream.recv(timeout=10))
        assert answer["steps"] == [None, 4]
        assert answer["errors"][0]["error"]["code"] == "expired"


def test_it_can_be_replaced_deleted_and_listed(running: Behind) -> None:
    http = running.http
    (listed,) = http.get("/v1/sessions?expired=true").json()["sessions"]
    assert (listed["session"], listed["last_step"], listed["ttl_seconds"]) == ("old", 2, 60)
    anew = http.put("/v1/sessions/old?replace=true", json=HISTORY)
    assert (anew.status_code, anew.json()["next_step"]) == (201, 3)
    assert "ttl_seconds" not in anew.json()
    assert http.delete("/v1/sessions/old").status_code == 204
    assert http.get("/v1/sessions/old").status_code == 404


@pytest.mark.parametrize("ttl", [-1, 1.5, "60", 10**11])
async def test_a_ttl_is_a_whole_number_of_seconds(http: httpx.AsyncClient, ttl: object) -> None:
    answer = await http.put("/v1/sessions/s", json={"ttl_seconds": ttl})
    assert answer.status_code == 422


def test_a_service_tells_what_it_keeps_and_what_it_let_go_of(open_behind) -> None:
    long = {"history": {"start": START, "y": [float(at) for at in range(266)]}}
    with open_behind({"keep_readings": 10, "session_ttl_seconds": 60}) as running:
        made = running.http.put("/v1/sessions/s", json=long).json()
        assert made["ttl_seconds"] == 60
        for _ in range(TRIES):
            view = running.http.get("/v1/sessions/s").json()
            if "first_step" in view:
                break
        assert (view["first_step"], view["first_ds"], view["last_step"]) == (256, "2015-01-20T16:00:00", 265)
        refused = running.http.post("/v1/sessions/s/observations", json={"y": 1, "step": 5}).json()
        assert (refused["code"], refused["last_step"]) == ("duplicate", 265)
        metrics = running.http.get("/metrics").text
    assert "gatecast_released_total 256.0" in metrics
    assert "gatecast_expired_total 0.0" in metrics
    assert "gatecast_journal_bytes" in metrics
