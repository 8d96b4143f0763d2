"""The outermost layer: sizes, paths nobody serves, overload, faults, and what the log and the metrics keep."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

START = "2015-01-10T00:00:00"
BODY = {"series": [{"unique_id": "a", "start": START, "y": [1, 2]}]}


async def test_a_path_nobody_serves_is_a_problem(http) -> None:
    answer = await http.get("/nothing/here")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_method_nobody_serves_is_a_problem_that_names_the_ones_allowed(http) -> None:
    answer = await http.get("/v1/predict")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_body_of_another_media_type_is_refused(http) -> None:
    answer = await http.post("/v1/predict", content=json.dumps(BODY), headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    unnamed = await http.post("/v1/predict", content=json.dumps(BODY))
    assert unnamed.status_code == 415


async def test_a_body_that_announces_too_much_is_refused_before_a_byte_is_read(open_inside) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"{}"

    async with open_inside({"body_bytes": 1024}) as running:
        headers = {"content-type": "application/json", "content-length": "1025"}
        answer = await running.http.post("/v1/predict", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too_large", 1024)
    assert answer.headers["connection"] == "close"
    assert read == 0


async def test_a_body_that_grows_too_large_is_refused_while_it_comes(open_inside) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * 512

    async with open_inside({"body_bytes": 1024}) as running:
        answer = await running.http.post("/v1/predict", content=body(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert read < 10


async def test_an_overloaded_service_says_when_to_come_back(open_inside) -> None:
    async with open_inside({"waiting_readings": 2, "retry_after_seconds": 3}) as running:
        running.runtime.gate.clear()
        running.runtime.entered.clear()
        calls = [asyncio.ensure_future(running.http.post("/v1/predict", json=BODY)) for _ in range(12)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        running.runtime.gate.set()
        answers = await asyncio.gather(*calls)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert done
    assert refused
    assert all(answer.json()["code"] == "overloaded" for answer in refused)
    assert all(answer.headers["retry-after"] == "3" for answer in refused)
    assert any(answer.status_code == 200 for answer in answers)


async def test_a_fault_of_the_model_is_a_problem_and_the_service_goes_on(open_inside) -> None:
    async with open_inside() as running:
        running.runtime.raise_on = 13.0
        failed = await running.http.post(
            "/v1/predict", json={"series": [{"unique_id": "secret-name", "start": START, "y": [13]}]}
        )
        fine = await running.http.post("/v1/predict", json=BODY)
    assert (failed.status_code, failed.json()["code"]) == (500, "model_failed")
    assert fine.status_code == 200


async def test_a_fault_of_the_service_names_its_request_and_keeps_its_words_to_itself(open_inside, monkeypatch) -> None:
    async def broken(_: object) -> None:
        raise KeyError("secret-name")

    async with open_inside() as running:
        monkeypatch.setattr(running.service.edge.engine, "forecast", broken)
        failed = await running.http.post("/v1/predict", json=BODY)
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert failed.json()["request"] == failed.headers["x-request-id"]
    faults = [json.loads(line) for line in running.log.getvalue().splitlines() if '"fault"' in line]
    assert faults[0]["request"] == failed.headers["x-request-id"]
    assert faults[0]["fault"] == "KeyError"
    assert any("predict.py" in place for place in faults[0]["trace"])
    assert "secret-name" not in running.log.getvalue()


async def test_neither_log_nor_metrics_hold_names_or_values(open_inside) -> None:
    async with open_inside() as running:
        http = running.http
        await http.put("/v1/sessions/secret-name", json={"history": {"start": START, "y": [424242, 1]}})
        await http.get("/v1/sessions/secret-name/forecast?quantiles=0.77")
        await http.post("/v1/sessions/secret-name/observations", json={"y": 424242, "step": 17})
        await http.get("/v1/sessions/secret-nobody")
        await http.get("/secret-path")
        await http.post("/v1/predict", json={"series": [{"unique_id": "secret-id", "y": ["424242"]}]})
        metrics = (await http.get("/metrics")).text
    log = running.log.getvalue()
    assert log
    for told in ("secret", "424242", "0.77"):
        assert told not in log
        assert told not in metrics


async def test_every_request_is_one_line_with_its_route_and_its_name(open_inside) -> None:
    async with open_inside() as running:
        answer = await running.http.get("/v1/sessions/nobody")
    lines = [json.loads(line) for line in running.log.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["route"] == "/v1/sessions/{session}"
    assert (line["method"], line["status"], line["request"]) == ("GET", 404, answer.headers["x-request-id"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/page", "/v1", "/v1/sessions/", "/v1/sessions//forecast", "/docs/", "/v1/predict/"])
async def test_odd_paths_are_problems_too(http, method: str, path: str) -> None:
    answer = await http.request(method, path)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"
