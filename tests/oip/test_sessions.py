"""Sequences are sessions: the same through every door, with steps, times, covariates and keys as everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.journal.memory import MemoryJournal
from tests.api.keyring import bearer, locked
from tests.service.retaining import Wall

INFER = "/v2/models/fake/infer"
START = "2015-01-10T00:00:00"
TRIES = 2_000  # requests until the engine has come round to its housekeeping


def body(y: float | None = 1.0, sequence: object = "taxi", **parameters: Any) -> dict[str, Any]:
    reading = {"name": "y", "datatype": "FP64", "shape": [1, 1], "data": [y]}
    return {"parameters": {"sequence_id": sequence, **parameters}, "inputs": [reading]}


def tensors(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {each["name"]: each["data"] for each in answer.json()["outputs"]}


async def test_a_sequence_is_the_session_of_its_name(http) -> None:
    begun = await http.post(INFER, json=body(5.0, 42, sequence_start=True, ds=START, step=0))
    assert begun.json()["parameters"] == {"session": "42", "durable": "none"}
    there = (await http.get("/v1/sessions/42")).json()
    assert (there["last_step"], there["last_ds"]) == (0, START)
    other = await http.post("/v1/sessions/42/observations", json={"y": 6.0, "step": 1})
    last = tensors(await http.post(INFER, json=body(7.0, "42", step=2)))
    now = (await http.get("/v1/sessions/42/forecast")).json()["forecast"]
    assert other.json()["step"] == 1
    assert last["step"] == [2]
    assert last["ds"] == ["2015-01-10T02:00:00"]
    assert last["median"] == now["median"]


async def test_a_session_that_another_door_has_made_goes_on_as_a_sequence(http) -> None:
    await http.put("/v1/sessions/bus", json={"history": {"start": START, "y": [1, 2, 3]}})
    assert tensors(await http.post(INFER, json=body(4.0, "bus", step=3)))["step"] == [3]


async def test_a_step_sent_again_is_answered_again_and_not_taken_twice(http) -> None:
    await http.post(INFER, json=body(1.0, sequence_start=True, ds=START))
    first = await http.post(INFER, json=body(2.0, step=1))
    again = await http.post(INFER, json=body(2.0, step=1))
    assert tensors(again) == tensors(first)
    assert again.json()["parameters"]["repeated"] is True
    assert (await http.get("/v1/sessions/taxi")).json()["last_step"] == 1
    for parameters, code in (({"step": 5}, "gap"), ({"step": 0}, "conflict")):
        refused = await http.post(INFER, json=body(9.0, **parameters))
        assert (refused.status_code, refused.json()["code"]) == (409, code)
        assert refused.json()["error"] == refused.json()["detail"]


async def test_a_time_may_come_as_tensor_as_parameter_or_at_the_start(http) -> None:
    ds = {"name": "ds", "datatype": "BYTES", "shape": [1, 1], "data": [START]}
    sent = body(1.0, sequence_start=True)
    sent["inputs"].append(ds)
    assert tensors(await http.post(INFER, json=sent))["ds"] == [START]
    assert tensors(await http.post(INFER, json=body(1.0, sequence_start=True, start=START)))["ds"] == [START]
    later = await http.post(INFER, json=body(2.0, ds="2015-01-10T01:00:00"))
    assert later.json()["parameters"] == {"session": "taxi", "durable": "none"}  # it may be sent again
    assert (await http.post(INFER, json=body(2.0, sequence_start=True))).json()["code"] == "time_required"
    two = await http.post(INFER, json=body(2.0, sequence_start=True, start=START, ds="2015-01-11"))
    assert two.json()["code"] == "invalid_time"


@pytest.mark.parametrize(
    ("y", "parameters"),
    [(1e300, {}), (1.0, {"step": 3}), (1.0, {"ds": "10.1.2015"}), (1.0, {"horizon": 99}), (1.0, {"quantiles": "0.42"})],
)
async def test_a_start_that_is_refused_leaves_what_there_was(http, y: float, parameters: dict[str, Any]) -> None:
    await http.post(INFER, json=body(1.0, sequence_start=True, ds=START))
    await http.post(INFER, json=body(2.0))
    refused = await http.post(INFER, json=body(y, **{"sequence_start": True, "ds": START, **parameters}))
    assert refused.status_code >= 400
    assert (await http.get("/v1/sessions/taxi")).json()["last_step"] == 1


async def test_horizon_quantiles_and_gaps_ride_in_parameters(http) -> None:
    await http.post(INFER, json=body(1.0, sequence_start=True, ds=START))
    told = await http.post(INFER, json=body(2.0, step=3, gaps="missing", horizon=2, quantiles="0.9"))
    shapes = {each["name"]: each["shape"] for each in told.json()["outputs"]}
    assert shapes == {"quantiles": [1, 2, 1], "median": [1, 2], "step": [1, 1], "ds": [1, 1]}
    assert told.json()["parameters"]["filled"] == 2


async def test_a_missing_reading_is_null_or_nan(http) -> None:
    await http.post(INFER, json=body(1.0, sequence_start=True, ds=START))
    nothing = tensors(await http.post(INFER, json=body(None, step=1)))
    head = b'{"parameters":{"sequence_id":"taxi","step":1},"inputs":[{"name":"y","datatype":"FP64","shape":[1,1],'
    head += b'"parameters":{"binary_data_size":8}}]}'
    content = head + np.array([np.nan]).tobytes()
    again = await http.post(INFER, content=content, headers={"Inference-Header-Content-Length": str(len(head))})
    assert tensors(again) == nothing
    assert again.json()["parameters"]["repeated"] is True


@pytest.mark.parametrize(
    "parameters",
    [
        {"stepp": 1}, {"step": "1"}, {"step": True}, {"step": -1}, {"sequence_start": 1}, {"sequence_id": -1},
        {"sequence_id": 1.5}, {"sequence_id": True}, {"sequence_id": 2**64}, {"quantiles": [0.1]}, {"ds": 1.5},
        {"sequence_id": "a\u0000b"}, {"sequence_id": "x" * 201}, {"gaps": "never"},
    ],
)  # fmt: skip
async def test_a_parameter_that_is_misspelt_or_of_another_type_is_refused(http, parameters: dict[str, Any]) -> None:
    answer = await http.post(INFER, json=body(1.0, **{"sequence_start": True, "start": START, **parameters}))
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


async def test_an_expired_session_is_a_sequence_that_has_to_be_started(open_inside) -> None:
    wall = Wall()
    async with open_inside(journal=MemoryJournal(1, wall), wall=wall) as running:
        begun = body(1.0, sequence_start=True, ds=START, ttl_seconds=60)
        assert (await running.http.post(INFER, json=begun)).status_code == 200
        wall.now += 3_600
        for _ in range(TRIES):
            if (await running.http.get("/v1/sessions/taxi")).status_code == 410:
                break
        refused = await running.http.post(INFER, json=body(2.0))
        assert (refused.status_code, refused.json()["expired"]) == (400, True)
        assert "must specify the START flag" in refused.json()["error"]
        assert (await running.http.post(INFER, json=begun)).status_code == 200


async def test_covariates_what_is_known_ahead_and_static_features_are_tensors(open_inside) -> None:
    async with open_inside(covariates=("price", "rain"), future=("price",), static=("area",)) as running:
        http = running.http

        def numbers(**named: list[float]) -> list[dict[str, Any]]:
            listed = {name.replace("_", "."): data for name, data in named.items()}
            return [
                {"name": name, "datatype": "FP64", "shape": [1, len(data)], "data": data}
                for name, data in listed.items()
            ]

        reading = {"y": [1.0], "price": [2.0], "rain": [0.0], "price_future": [2.0, 3.0, 4.0]}
        sent = {"parameters": {"sequence_id": 1, "sequence_start": True, "start": START}}
        inputs = numbers(**reading, area=[12.5])
        told = tensors(await http.post(INFER, json={**sent, "inputs": inputs}))
        await http.put("/v1/sessions/other", json={"start": START, "static": {"area": 12.5}})
        observation = {
            "y": 1.0, "step": 0, "covariates": {"price": 2.0, "rain": 0.0}, "future": {"price": [2.0, 3.0, 4.0]},
        }  # fmt: skip
        same = (await http.post("/v1/sessions/other/observations", json=observation)).json()
        assert told["median"] == same["forecast"]["median"]
        without = await http.post(INFER, json={**sent, "inputs": numbers(**reading)})
        assert without.json()["code"] == "missing_static"
        short = numbers(**{**reading, "price_future": [2.0]})
        assert (await http.post(INFER, json={"parameters": {"sequence_id": 1}, "inputs": short})).json()["code"] == (
            "future_length"
        )
        whole = {
            "y": [1.0, 2.0], "price": [2.0, 2.0], "rain": [0.0, 1.0], "price_future": [2.0, 3.0, 4.0], "area": [12.5],
        }  # fmt: skip
        asked = {"parameters": {"start": START}, "inputs": numbers(**whole)}
        found = tensors(await http.post("/v2/models/fake.predict/infer", json=asked))
        series = {
            "unique_id": "a", "start": START, "y": [1.0, 2.0], "static": {"area": 12.5},
            "covariates": {"price": [2.0, 2.0], "rain": [0.0, 1.0]}, "future": {"price": [2.0, 3.0, 4.0]},
        }  # fmt: skip
        predicted = (await http.post("/v1/predict", json={"series": [series]})).json()["series"][0]
        assert found["median"] == predicted["median"]
        assert found["start"] == predicted["ds"][:1]


async def test_a_model_that_keeps_no_state_has_whole_histories_alone(open_inside) -> None:
    async with open_inside(streams=False) as running:
        listed = (await running.http.post("/v2/repository/index")).json()
        assert [each["name"] for each in listed] == ["fake.predict"]
        assert (await running.http.post(INFER, json=body())).status_code == 404


def test_a_sequence_needs_a_key_that_may_write_and_belongs_to_its_tenant(tmp_path) -> None:
    with locked(tmp_path) as (running, ring):
        acme, beta, reader = ring.add("acme"), ring.add("beta"), ring.add("acme", "read")
        begun = body(1.0, sequence_start=True, ds=START)
        assert running.http.post(INFER, json=begun).status_code == 401
        assert "key" in running.http.post(INFER, json=begun).json()["error"]
        assert running.http.post(INFER, json=begun, headers=bearer(reader)).json()["code"] == "forbidden"
        assert running.http.post(INFER, json=begun, headers=bearer(acme)).status_code == 200
        stranger = running.http.post(INFER, json=body(2.0), headers=bearer(beta))
        assert stranger.json()["code"] == "start_required"
        assert running.http.get("/v1/sessions/taxi", headers=bearer(acme)).json()["last_step"] == 0


async def test_limits_hold_at_this_door_too(open_inside) -> None:
    async with open_inside({"readings_per_second": 0.001, "burst_seconds": 1, "body_bytes": 1024}) as running:
        begun = body(1.0, sequence_start=True, ds=START)
        assert (await running.http.post(INFER, json=begun)).status_code == 200
        limited = await running.http.post(INFER, json=body(2.0))
        assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
        assert (await running.http.get("/v1/sessions/taxi")).json()["last_step"] == 0
        large = await running.http.post(INFER, content=b" " * 2000)
        assert (large.status_code, bool(large.json()["error"])) == (413, True)
