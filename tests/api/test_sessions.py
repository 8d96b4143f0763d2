"""/v1/sessions: creating, advancing, peeking and forgetting by request."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

START = "2015-01-10T00:00:00"
HISTORY = {"history": {"start": START, "y": [1, 2, None, 4]}}


async def test_a_session_with_a_history_goes_on_from_its_end(http) -> None:
    created = await http.put("/v1/sessions/taxi", json=HISTORY)
    assert created.status_code == 201
    assert created.json() == {
        "session": "taxi",
        "start": START,
        "last_step": 3,
        "last_ds": "2015-01-10T03:00:00",
        "next_step": 4,
        "revision": created.json()["revision"],
        "durable": "none",
        "created": True,
    }
    answer = (await http.post("/v1/sessions/taxi/observations", json={"y": 5, "step": 4})).json()
    assert (answer["step"], answer["ds"], answer["durable"]) == (4, "2015-01-10T04:00:00", "none")
    assert answer["forecast"]["ds"][0] == "2015-01-10T05:00:00"
    assert "repeated" not in answer
    assert "delivery" not in answer


async def test_a_streamed_session_forecasts_as_the_whole_history_does(http) -> None:
    values: list[float | None] = [3, 1, None, 4, 1, 5]
    await http.put("/v1/sessions/s", json={"start": START})
    for step, value in enumerate(values):
        last = (await http.post("/v1/sessions/s/observations", json={"y": value, "step": step})).json()
    whole = await http.post("/v1/predict", json={"series": [{"unique_id": "s", "start": START, "y": values}]})
    whole = whole.json()["series"][0]
    assert last["forecast"] == {key: whole[key] for key in ("ds", "median", "quantiles")}


async def test_a_monthly_session_keeps_the_day_of_its_start_beyond_a_short_month(open_inside) -> None:
    async with open_inside(frequency="1mo") as running:
        http = running.http
        await http.put("/v1/sessions/s", json={"start": "2015-01-30"})
        sent = [{"y": 1, "step": 0}, {"y": 1, "step": 1}]
        _, newest = (await http.post("/v1/sessions/s/observations", json=sent)).json()
        peek = (await http.get("/v1/sessions/s/forecast")).json()
    assert newest["ds"] == "2015-02-28T00:00:00"
    assert newest["forecast"]["ds"][0] == "2015-03-30T00:00:00"
    assert newest["forecast"] == peek["forecast"]


async def test_the_same_put_again_changes_nothing_and_another_needs_replace(http) -> None:
    first = await http.put("/v1/sessions/s", json=HISTORY)
    again = await http.put("/v1/sessions/s", json=HISTORY)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "created": False}
    other = {"history": {"start": START, "y": [9]}}
    refused = await http.put("/v1/sessions/s", json=other)
    assert refused.status_code == 409
    assert refused.json()["code"] == "session_exists"
    replaced = await http.put("/v1/sessions/s?replace=true", json=other)
    assert replaced.json()["next_step"] == 1
    assert replaced.json()["revision"] > first.json()["revision"]


async def test_a_session_without_anything_begins_with_the_time_of_its_first_reading(http) -> None:
    assert (await http.put("/v1/sessions/s")).status_code == 201
    empty = (await http.get("/v1/sessions/s")).json()
    assert (empty["start"], empty["last_step"], empty["last_ds"], empty["next_step"]) == (None, None, None, 0)
    answer = await http.post("/v1/sessions/s/observations", json={"y": 1, "ds": "2020-02-29T23:00:00"})
    assert answer.json()["step"] == 0
    assert (await http.get("/v1/sessions/s")).json()["start"] == "2020-02-29T23:00:00"


async def test_peeking_does_not_advance(http) -> None:
    await http.put("/v1/sessions/s", json=HISTORY)
    recorded = (await http.post("/v1/sessions/s/observations", json={"y": 7, "step": 4})).json()
    for _ in range(2):
        peek = (await http.get("/v1/sessions/s/forecast")).json()
        assert peek == {"session": "s", "step": 4, "ds": "2015-01-10T04:00:00", "forecast": recorded["forecast"]}
    part = (await http.get("/v1/sessions/s/forecast?horizon=1&quantiles=0.9")).json()["forecast"]
    assert part["quantiles"] == {"0.9": recorded["forecast"]["quantiles"]["0.9"][:1]}
    assert len(part["ds"]) == len(part["median"]) == 1


async def test_a_forecast_without_a_reading_is_refused(http) -> None:
    await http.put("/v1/sessions/s", json={"start": START})
    refused = await http.get("/v1/sessions/s/forecast")
    assert refused.json()["code"] == "no_readings"


async def test_a_repeated_reading_is_answered_again_and_advances_nothing(http) -> None:
    await http.put("/v1/sessions/s", json=HISTORY)
    first = (await http.post("/v1/sessions/s/observations", json={"y": 7, "ds": "2015-01-10T04:00:00"})).json()
    again = (await http.post("/v1/sessions/s/observations", json={"y": 7, "ds": "2015-01-10T04:00:00"})).json()
    assert again == {**first, "repeated": True}
    assert (await http.get("/v1/sessions/s")).json()["last_step"] == 4


async def test_a_reading_without_step_and_time_is_said_to_be_taken_at_most_once(http) -> None:
    await http.put("/v1/sessions/s", json=HISTORY)
    answer = (await http.post("/v1/sessions/s/observations", json={"y": 7})).json()
    assert answer["step"] == 4
    assert answer["delivery"] == "at-most-once"


async def test_of_many_readings_the_newest_carries_the_forecast(http) -> None:
    await http.put("/v1/sessions/s", json=HISTORY)
    sent = [{"y": 7, "step": 4}, {"y": 8, "step": 5}]
    older, newest = (await http.post("/v1/sessions/s/observations?horizon=1", json=sent)).json()
    assert "forecast" not in older
    assert newest["forecast"]["ds"] == ["2015-01-10T06:00:00"]


async def test_of_many_readings_a_wrong_one_has_its_error_in_its_place(http) -> None:
    await http.put("/v1/sessions/s", json=HISTORY)
    sent: list[dict[str, Any]] = [{"y": 7, "step": 4}, {"y": 1e300, "step": 5}, {"y": 8, "step": 9}]
    good, absurd, gap = (await http.post("/v1/sessions/s/observations", json=sent)).json()
    assert good["step"] == 4
    assert (absurd["step"], absurd["error"]["code"]) == (5, "invalid_value")
    assert (gap["step"], gap["error"]["code"], gap["error"]["expected_step"]) == (9, "gap", 5)


@pytest.mark.parametrize(
    ("reading", "status", "code"),
    [
        ({"y": 1, "step": 9}, 409, "gap"),
        ({"y": 1, "step": 3}, 409, "conflict"),
        ({"y": 1, "step": 0}, 409, "duplicate"),
        ({"y": 1, "ds": "2015-01-10T04:10:00"}, 422, "off_grid"),
        ({"y": 1, "ds": "yesterday"}, 422, "invalid_time"),
        ({"y": 1, "ds": "2015-01-10T04:00:00+01:00"}, 422, "invalid_time"),
        ({"y": 1, "ds": 5}, 422, "invalid_time"),
        ({"y": 1, "step": 4, "ds": "2015-01-10T05:00:00"}, 422, "step_mismatch"),
        ({"y": 1, "step": -1}, 422, "invalid_value"),
        ({"y": 1, "step": 10**30}, 422, "invalid_value"),
        ({"y": True, "step": 4}, 422, "wrong_type"),
        ({"step": 4}, 422, "wrong_type"),
        ({"y": 1, "stepp": 4}, 422, "wrong_type"),
        ({"y": 1, "step": 4, "covariates": {"temp": 1}}, 422, "unknown_covariate"),
    ],
)
async def test_a_single_reading_that_is_refused_is_a_problem(http, reading, status, code) -> None:
    await http.put("/v1/sessions/s", json=HISTORY)
    refused = await http.post("/v1/sessions/s/observations", json=reading)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await http.get("/v1/sessions/s")).json()["last_step"] == 3


async def test_missing_covariates_are_named(open_inside) -> None:
    async with open_inside(covariates=("temp", "rain")) as running:
        await running.http.put("/v1/sessions/s", json={"start": START})
        refused = await running.http.post(
            "/v1/sessions/s/observations", json={"y": 1, "step": 0, "covariates": {"temp": 1}}
        )
        taken = await running.http.post(
            "/v1/sessions/s/observations", json={"y": 1, "step": 0, "covariates": {"temp": 1, "rain": None}}
        )
    assert refused.json()["code"] == "missing_covariates"
    assert refused.json()["missing"] == ["rain"]
    assert taken.status_code == 200


async def test_a_deleted_session_is_unknown(http) -> None:
    await http.put("/v1/sessions/s", json=HISTORY)
    assert (await http.delete("/v1/sessions/s")).status_code == 204
    for answer in (
        await http.get("/v1/sessions/s"),
        await http.delete("/v1/sessions/s"),
        await http.get("/v1/sessions/s/forecast"),
        await http.post("/v1/sessions/s/observations", json={"y": 1}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_session")


@pytest.mark.parametrize("name", ["a/b", "a/forecast", "ü€ 漢", "%2F", "a b", "..", "x" * 200, "a?b#c", "a%2Fb"])
async def test_any_name_can_be_written_in_a_path(http: httpx.AsyncClient, name: str) -> None:
    from urllib.parse import quote

    path = f"/v1/sessions/{quote(name, safe='')}" if name != ".." else "/v1/sessions/%2E%2E"
    assert (await http.put(path, json=HISTORY)).json()["session"] == name
    assert (await http.get(f"{path}/forecast")).json()["session"] == name
    assert (await http.post(f"{path}/observations", json={"y": 1, "step": 4})).json()["session"] == name


@pytest.mark.parametrize("segment", ["a%00b", "%0a", "x" * 201, "%ff", "%C2%85"])
async def test_names_that_cannot_be_are_refused(http: httpx.AsyncClient, segment: str) -> None:
    refused = await http.put(f"/v1/sessions/{segment}")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_session")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"start": START, "history": {"start": "2015-01-10T01:00:00", "y": [1]}}, "invalid_time"),
        ({"history": {"y": [1]}}, "time_required"),
        ({"history": {"start": START, "y": []}}, "empty_history"),
        ({"start": 17}, "invalid_time"),
        ({"start": START, "history": {"y": [1], "z": 1}}, "wrong_type"),
    ],
)
async def test_a_beginning_that_does_not_fit_is_refused(http, body, code) -> None:
    refused = await http.put("/v1/sessions/s", json=body)
    assert refused.json()["code"] == code
    assert (await http.get("/v1/sessions/s")).status_code == 404


async def test_sessions_of_a_model_that_cannot_stream_are_refused(open_inside) -> None:
    async with open_inside(streams=False) as running:
        for answer in (
            await running.http.put("/v1/sessions/s"),
            await running.http.get("/v1/sessions/s/forecast"),
            await running.http.post("/v1/sessions/s/observations", json={"y": 1}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "cannot_stream")
