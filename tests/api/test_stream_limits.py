"""The websocket's bounds: handshakes refused, frames too large or too many, overload, and a service that ends."""

from __future__ import annotations

import io
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from service.logs import Bridge, open_log

START = "2015-01-10T00:00:00"


def refused(address: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as answer, connect(address):
        pass
    response = answer.value.response
    assert response.headers["content-type"] == "application/problem+json"
    assert response.body is not None
    return response.status_code, json.loads(response.body)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?quantiles=0.42", 422, "unknown_quantile"),
        ("?quantiles=x", 422, "wrong_type"),
        ("?horizon=9", 422, "horizon_too_long"),
        ("?horizon=0", 422, "invalid_value"),
        ("?horizon=", 422, "wrong_type"),
        ("?horizen=2", 422, "wrong_type"),
        ("?protocol=2", 400, "unsupported_protocol"),
    ],
)
def test_a_handshake_that_asks_for_what_is_not_there_is_refused(live, query: str, status: int, code: str) -> None:
    answer = refused(live.stream(query))
    assert (answer[0], answer[1]["code"]) == (status, code)


def test_a_refused_handshake_is_no_error_in_the_log_and_another_fault_of_the_server_is(live) -> None:
    stream, server = io.StringIO(), logging.getLogger("uvicorn.error")
    bridge = Bridge(open_log("info", "json", stream))
    server.addHandler(bridge)
    try:
        for query in ("?quantiles=0.42", "?horizon=x"):
            refused(live.stream(query))
        refused(f"ws://{live.address}/v1/else")
        live.http.get("/live")  # the same loop: what the refusals leave behind is done
        server.error("Exception in ASGI application")
    finally:
        server.removeHandler(bridge)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["info"] * 3 + ["error"]
    assert all("handshake" in line["message"] for line in lines[:3])


def test_streams_are_nowhere_else(live) -> None:
    status, problem = refused(f"ws://{live.address}/v1/else")
    assert (status, problem["code"]) == (404, "not_found")


def test_a_plain_request_to_the_streams_path_is_a_problem(live) -> None:
    assert live.http.get("/v1/stream").json()["code"] == "not_found"


def test_a_model_that_cannot_stream_refuses_the_handshake(open_behind) -> None:
    with open_behind(streams=False) as running:
        status, problem = refused(running.stream())
    assert (status, problem["code"]) == (409, "cannot_stream")


def test_a_frame_too_large_closes_the_connection_with_1009(open_behind) -> None:
    with open_behind({"frame_bytes": 2048}) as running, connect(running.stream()) as socket:
        socket.send("[" + " " * 4096 + "]")
        assert closed_with(socket) == 1009


def test_a_frame_of_too_many_readings_is_refused_as_a_whole(open_behind) -> None:
    with open_behind({"readings_per_frame": 3}) as running:
        running.http.put("/v1/sessions/s", json={"start": START})
        with connect(running.stream()) as socket:
            socket.send(json.dumps([{"session": "s", "step": step, "y": 1} for step in range(4)]))
            answer = json.loads(socket.recv(timeout=10))
        assert (answer["error"]["code"], answer["error"]["limit"]) == ("too_many_readings", 3)
        assert "session" not in answer
        assert running.http.get("/v1/sessions/s").json()["last_step"] is None


def test_a_client_that_does_not_wait_is_read_no_further_than_the_bound(open_behind) -> None:
    with open_behind({"frames_in_flight": 3}) as running:
        running.http.put("/v1/sessions/s", json={"start": START})
        with connect(running.stream()) as socket:
            running.runtime.gate.clear()
            for step in range(20):
                socket.send(json.dumps({"session": "s", "step": step, "y": 1}))
            assert frames(running) == 3
            running.runtime.gate.set()
            answers = [json.loads(socket.recv(timeout=10)) for _ in range(20)]
        assert [answer["step"] for answer in answers] == list(range(20))


def test_overload_is_an_error_item_and_what_is_sent_again_later_is_taken(open_behind) -> None:
    with open_behind({"waiting_readings": 4, "frames_in_flight": 8}) as running:
        running.http.put("/v1/sessions/s", json={"start": START})
        with connect(running.stream()) as socket:
            running.runtime.gate.clear()
            running.runtime.entered.clear()
            socket.send(json.dumps({"session": "s", "step": 0, "y": 1}))
            assert running.runtime.entered.wait(10)
            for first in (1, 4, 7):
                readings = [{"session": "s", "step": first + more, "y": 1} for more in range(3)]
                socket.send(json.dumps(readings))
            assert frames(running, 4) == 4
            running.runtime.gate.set()
            answers = [json.loads(socket.recv(timeout=10)) for _ in range(4)]
            codes = {json.dumps(answer).count("overloaded") > 0 for answer in answers[1:]}
            assert codes == {True, False}
            place = running.http.get("/v1/sessions/s").json()["next_step"]
            socket.send(json.dumps({"session": "s", "step": place, "y": 1}))
            assert json.loads(socket.recv(timeout=10))["step"] == place


def test_an_ending_service_answers_what_it_took_and_tells_streams_to_connect_again(open_behind) -> None:
    with open_behind() as running:
        running.http.put("/v1/sessions/s", json={"start": START})
        with connect(running.stream()) as busy, connect(running.stream()) as idle:
            running.runtime.gate.clear()
            for step in range(3):
                busy.send(json.dumps({"session": "s", "step": step, "y": 1}))
            assert frames(running) == 3
            running.server.should_exit = True
            assert closed_with(idle) == 1012
            running.runtime.gate.set()
            answers = [json.loads(busy.recv(timeout=10)) for _ in range(3)]
            assert [answer["step"] for answer in answers] == [0, 1, 2]
            assert closed_with(busy) == 1012
        running.thread.join(20)
        assert not running.thread.is_alive()
        assert running.server.clean


def test_an_ending_service_is_not_ready_takes_no_connection_and_answers_the_requests_it_took(open_behind) -> None:
    body = {"series": [{"unique_id": "a", "start": START, "y": [1, 2]}]}
    with open_behind() as running, ThreadPoolExecutor(1) as elsewhere:
        assert running.http.get("/ready").status_code == 200  # on a connection that is kept
        running.runtime.entered.clear()
        running.runtime.gate.clear()
        asked = elsewhere.submit(httpx.post, f"http://{running.address}/v1/predict", json=body, timeout=20)
        assert running.runtime.entered.wait(10)
        running.server.should_exit = True
        while running.http.get("/ready").status_code == 200:
            pass
        assert running.http.get("/ready").json()["code"] == "not_ready"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{running.address}/live")
        running.runtime.gate.set()
        assert asked.result().status_code == 200
        running.thread.join(20)
        assert running.server.clean


def test_an_ending_service_does_not_wait_for_ever(open_behind) -> None:
    with open_behind({"drain_seconds": 0.3}) as running:
        running.http.put("/v1/sessions/s", json={"start": START})
        with connect(running.stream()) as socket:
            running.runtime.gate.clear()
            running.runtime.entered.clear()
            socket.send(json.dumps({"session": "s", "step": 0, "y": 1}))
            assert running.runtime.entered.wait(10)
            running.server.should_exit = True
            assert closed_with(socket) == 1012
            running.runtime.gate.set()
        running.thread.join(20)
        assert not running.thread.is_alive()
        assert not running.server.clean


def frames(running: Any, wanted: int = 3) -> int:
    """Frames the service has taken, once they are as many as wanted or no more come."""
    for _ in range(100):
        text = running.http.get("/metrics").text
        taken = [line for line in text.splitlines() if line.startswith("gatecast_frames_total")]
        count = int(sum(float(line.rsplit(" ", 1)[1]) for line in taken))
        if count >= wanted:
            break
    time.sleep(0.05)  # room for one more to show itself
    return count


def closed_with(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
