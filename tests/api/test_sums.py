"""Sums by every way in: request, session, stream; items and columns; JSON and MessagePack. One answer by all."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from websockets.sync.client import connect

from service.api import schemas
from service.runtimes.fake import fake_bundle
from service.sums import Sums

START = "2015-01-10T00:00:00"
HISTORY = {"start": START, "y": [1.0, 2.0, 4.0]}
LEVELS = (0.1, 0.5, 0.9)


async def predicted(http: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await http.post("/v1/predict", json={"series": [{"unique_id": "a", **HISTORY}], **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = schemas.PredictAnswer.model_validate(answer.json()).model_dump()["series"][0]
    return found


def quantiles(forecast: dict[str, Any]) -> np.ndarray:
    return np.array([[forecast["quantiles"][str(level)] for level in LEVELS]]).transpose(0, 2, 1)


async def test_a_request_is_answered_with_the_sums_it_asked_for_in_its_order(http: httpx.AsyncClient) -> None:
    forecast = await predicted(http, sums=[3, 1, 2])
    expected = Sums(fake_bundle().manifest).of(quantiles(forecast), [3, 1, 2], LEVELS)[0]
    assert [each["steps"] for each in forecast["sums"]] == [3, 1, 2]
    for each, levels in zip(forecast["sums"], expected, strict=True):
        assert each["quantiles"] == dict(zip(map(str, LEVELS), levels.tolist(), strict=True))
        assert each["median"] == each["quantiles"]["0.5"]


async def test_true_is_the_sum_of_all_steps_of_the_answer_and_false_is_none(http: httpx.AsyncClient) -> None:
    assert [each["steps"] for each in (await predicted(http, sums=True))["sums"]] == [3]
    assert [each["steps"] for each in (await predicted(http, sums=True, horizon=2))["sums"]] == [2]
    assert (await predicted(http, sums=False))["sums"] is None
    assert (await predicted(http))["sums"] is None


async def test_a_sum_may_reach_further_than_the_steps_that_are_shown(http: httpx.AsyncClient) -> None:
    short, long = await predicted(http, sums=[3], horizon=1), await predicted(http, sums=[3])
    assert len(short["median"]) == 1
    assert short["sums"] == long["sums"]


async def test_what_is_known_ahead_is_wanted_as_far_as_a_sum_reaches(open_inside) -> None:
    async with open_inside(covariates=("price",), future=("price",)) as running:
        series = {"unique_id": "a", **HISTORY, "covariates": {"price": [1, 1, 1]}, "future": {"price": [9]}}
        short = await running.http.post("/v1/predict", json={"series": [series], "horizon": 1, "sums": [3]})
        assert (short.status_code, short.json()["code"]) == (422, "future_length")
        series["future"] = {"price": [9, 9, 9]}
        long = await running.http.post("/v1/predict", json={"series": [series], "horizon": 1, "sums": [3]})
        assert long.status_code == 200


@pytest.mark.parametrize(
    ("sums", "code"),
    [([4], "horizon_too_long"), ([0], "invalid_value"), ([1, 1], "invalid_value"), ([-1], "invalid_value")],
)
async def test_sums_that_cannot_be_are_refused_by_name(http: httpx.AsyncClient, sums: object, code: str) -> None:
    answer = await http.post("/v1/predict", json={"series": [{"unique_id": "a", **HISTORY}], "sums": sums})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["horizon"] == 3


@pytest.mark.parametrize("query", ["sums=x", "sums=1.5", "sums=1,", "sums="])
async def test_a_query_that_names_no_steps_is_refused(http: httpx.AsyncClient, query: str) -> None:
    await http.put("/v1/sessions/s", json={"history": HISTORY})
    answer = await http.get(f"/v1/sessions/s/forecast?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_type")


async def test_a_session_tells_the_same_sums_by_get_by_post_and_with_its_readings(http: httpx.AsyncClient) -> None:
    await http.put("/v1/sessions/s", json={"history": {**HISTORY, "y": HISTORY["y"][:2]}})
    recorded = (await http.post("/v1/sessions/s/observations?sums=2,3", json={"y": 4.0, "step": 2})).json()
    got = (await http.get("/v1/sessions/s/forecast?sums=2,3")).json()
    posted = (await http.post("/v1/sessions/s/forecast", json={"sums": [2, 3]})).json()
    expected = (await predicted(http, sums=[2, 3]))["sums"]
    assert schemas.CurrentForecast.model_validate(got)
    assert schemas.Acknowledgement.model_validate(recorded)
    assert got["forecast"]["sums"] == posted["forecast"]["sums"] == recorded["forecast"]["sums"]
    for each, other in zip(got["forecast"]["sums"], expected, strict=True):
        assert each["quantiles"] == pytest.approx(other["quantiles"], rel=1e-5)


async def test_a_bundle_that_cannot_tell_of_sums_says_so_and_answers_all_else(open_inside) -> None:
    async with open_inside(dependence=None) as running:
        await running.http.put("/v1/sessions/s", json={"history": HISTORY})
        refused = await running.http.get("/v1/sessions/s/forecast?sums=true")
        assert (refused.status_code, refused.json()["code"]) == (409, "no_sums")
        assert "train again" in refused.json()["detail"]
        assert (await running.http.get("/v1/sessions/s/forecast?sums=false")).status_code == 200


def test_a_stream_carries_the_same_sums_in_items_and_columns_of_both_forms(live) -> None:
    names = [f"sums {at}" for at in range(3)]
    for name in names:
        live.http.put(f"/v1/sessions/{name}", json={"start": START})
    with connect(live.stream("?sums=3,1&quantiles=0.1,0.9")) as stream:
        stream.send(json.dumps({"session": names[0], "step": 0, "y": 2.0}))
        item = json.loads(stream.recv(timeout=10))["forecast"]["sums"]
        stream.send(json.dumps({"sessions": [names[1]], "steps": [0], "y": [2.0]}))
        columns = json.loads(stream.recv(timeout=10))["forecast"]["sums"]
        stream.send(msgspec.msgpack.encode({"sessions": [names[2]], "steps": [0], "y": [2.0]}))
        packed = msgspec.msgpack.decode(stream.recv(timeout=10))["forecast"]["sums"]
        stream.send(json.dumps({"observations": [{"session": names[0], "step": 1, "y": 2.0}], "sums": False}))
        assert "sums" not in json.loads(stream.recv(timeout=10))[0]["forecast"]
    assert [each["steps"] for each in item] == [3, 1]
    for one, by_column, raw in zip(item, columns, packed, strict=True):
        assert by_column["steps"] == raw["steps"] == one["steps"]
        assert by_column["median"] == np.frombuffer(raw["median"], "<f8").tolist() == [one["median"]]
        assert {name: values[0] for name, values in by_column["quantiles"].items()} == one["quantiles"]
        assert np.frombuffer(raw["values"], "<f8").tolist() == [*one["quantiles"].values()]


@pytest.mark.parametrize("form", ["items", "columns", "packed columns"])
def test_where_no_forecast_comes_no_sum_is_missed(live, form: str) -> None:
    name = f"sums without forecasts, {form}"
    live.http.put(f"/v1/sessions/{name}", json={"start": START})
    with connect(live.stream("?sums=3&every=2")) as stream:

        def told(step: int) -> dict[str, Any]:
            if form == "items":
                stream.send(json.dumps({"session": name, "step": step, "y": 2.0}))
                found: dict[str, Any] = json.loads(stream.recv(timeout=10))
                return found
            columns = {"sessions": [name], "steps": [step], "y": [2.0]}
            stream.send(json.dumps(columns) if form == "columns" else msgspec.msgpack.encode(columns))
            found = (json.loads if form == "columns" else msgspec.msgpack.decode)(stream.recv(timeout=10))
            return found | found["errors"][0] if "errors" in found else found

        assert "error" not in told(0)
        assert told(5)["error"]["code"] == "gap"
        assert told(1)["forecast"]["sums"]


async def test_a_reading_that_is_refused_says_why_where_sums_were_asked(http: httpx.AsyncClient) -> None:
    await http.put("/v1/sessions/s", json={"history": HISTORY})
    answer = await http.post("/v1/sessions/s/observations?sums=2", json={"step": 9, "y": 1.0})
    assert (answer.status_code, answer.json()["code"]) == (409, "gap")


def test_a_handshake_is_refused_where_its_sums_cannot_be(open_behind) -> None:
    with open_behind() as running:
        answer = running.http.get(
            "/v1/stream?sums=9",
            headers={
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "x" * 22 + "==",
            },
        )  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (422, "horizon_too_long")
