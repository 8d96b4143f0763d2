"""What clients know ahead and what never changes: named in full or refused by name, and used where it was sent."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from websockets.sync.client import connect

from service.runtimes.fake import FakeRuntime, fake_bundle

HOUR, SECONDS = 3_600, 1_420_848_000
START = "2015-01-10T00:00:00"
NAMES: dict[str, Any] = {"covariates": ("price", "rain"), "future": ("price",), "static": ("area", "floor")}
STATIC = {"area": 12.5, "floor": None}
HISTORY = {"start": START, "y": [1.0, 2.0], "covariates": {"price": [5.0, 6.0], "rain": [0.0, None]}}
VALUES = np.array([[1.0, 5.0, 0.0], [2.0, 6.0, np.nan]])
READING = {"y": 3.0, "covariates": {"price": 7.0, "rain": 1.0}}


@asynccontextmanager
async def service(open_inside, **changes: object):
    async with open_inside(**{**NAMES, **changes}) as running:
        yield running.http


def median(*rows: tuple[float, float, float], prices: list[float | None], static: dict[str, Any] | None = None) -> Any:
    """The forecast of a session with the history and these readings, by the model alone."""
    model = FakeRuntime(fake_bundle(**NAMES))
    values = np.array([*VALUES, *rows])
    known = static or STATIC
    future = np.full((1, 3, 1), np.nan)
    future[0, : len(prices), 0] = np.array(prices, np.float64)
    row = np.array([[known["area"], known["floor"]]], np.float64)
    times = SECONDS + HOUR * np.arange(len(values))[None]
    forecast, _ = model.sequence(values[None], times, np.array([len(values)]), model.bundle.initial[None], future, row)
    return forecast[0, :, 1].tolist()


async def refused(answer: httpx.Response, code: str, status: int = 422) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


async def predicted(http: httpx.AsyncClient, **sent: Any) -> httpx.Response:
    series = {"unique_id": "a", **HISTORY, "future": {"price": [1, 2, 3]}, "static": STATIC, **sent}
    series = {name: value for name, value in series.items() if value is not ...}
    return await http.post("/v1/predict", json={"series": [series]})


async def test_a_series_is_forecast_with_its_own_future_and_static_features(open_inside) -> None:
    async with service(open_inside) as http:
        many = [
            {"unique_id": str(at), **HISTORY, "future": {"price": prices}, "static": {"area": area, "floor": None}}
            for at, (prices, area) in enumerate([([1, 2, 3], 12.5), ([None, 9, None], None), ([0.5, 0, -4], 3)])
        ]
        answer = (await http.post("/v1/predict", json={"series": many})).json()
    for sent, series in zip(many, answer["series"], strict=True):
        assert series["median"] == median(prices=sent["future"]["price"], static=sent["static"])


async def test_values_ahead_cover_what_is_asked_and_no_more_than_the_horizon(open_inside) -> None:
    async with service(open_inside) as http:
        body = {"series": [{"unique_id": "a", **HISTORY, "future": {"price": [1, 2]}, "static": STATIC}]}
        for horizon in (1, 2):
            answer = await http.post("/v1/predict", json={**body, "horizon": horizon})
            assert answer.json()["series"][0]["median"] == median(prices=[1, 2])[:horizon]
        problem = await refused(await http.post("/v1/predict", json=body), "future_length")
        assert (problem["horizon"], problem["longest"], problem["unique_id"]) == (3, 3, "a")
        assert problem["detail"].startswith("series[0]: future.price has 2 values, 3 were expected")
        long = await refused(await predicted(http, future={"price": [1, 2, 3, 4]}), "future_length")
        assert "future.price has 4 values, 3 were expected" in long["detail"]


@pytest.mark.parametrize(
    ("sent", "code", "says"),
    [
        ({"future": ...}, "missing_future", "send `future` with price too, each a list of 3 numbers"),
        ({"future": {}}, "missing_future", "price"),
        ({"future": {"price": [1, 2, 3], "rain": [1, 2, 3]}}, "unknown_covariate", "'rain' out of `future`"),
        ({"future": {"price": [1, 1e300, 3]}}, "invalid_value", "future.price[1]"),
        ({"static": ...}, "missing_static", "send `static` with area, floor too"),
        ({"static": {"area": 1}}, "missing_static", "floor"),
        ({"static": {**STATIC, "colour": 1}}, "unknown_static", "leave out 'colour'"),
        ({"static": {**STATIC, "area": -1e300}}, "invalid_value", "static.area"),
    ],
)
async def test_what_is_forgotten_or_unknown_is_refused_by_name(open_inside, sent: Any, code: str, says: str) -> None:
    async with service(open_inside) as http:
        problem = await refused(await predicted(http, **sent), code)
        assert says in problem["detail"]
        assert problem["unique_id"] == "a"


async def test_a_model_that_knows_nothing_of_it_refuses_it(http) -> None:
    await http.put("/v1/sessions/a", json={"start": START})
    series = {"unique_id": "a", "start": START, "y": [1]}
    for path, method, body, code in (
        ("/v1/predict", "POST", {"series": [{**series, "future": {"price": [1, 2, 3]}}]}, "unknown_covariate"),
        ("/v1/predict", "POST", {"series": [{**series, "static": {"area": 1}}]}, "unknown_static"),
        ("/v1/sessions/b", "PUT", {"static": {"area": 1}}, "unknown_static"),
        ("/v1/sessions/a/observations", "POST", {"y": 1, "future": {"price": [1, 2, 3]}}, "unknown_covariate"),
        ("/v1/sessions/a/forecast", "POST", {"future": {"price": [1, 2, 3]}}, "unknown_covariate"),
    ):
        await refused(await http.request(method, path, json=body), code)


async def test_the_static_features_of_a_session_are_kept_shown_and_compared(open_inside) -> None:
    async with service(open_inside) as http:
        await refused(await http.put("/v1/sessions/a"), "missing_static")
        created = await http.put("/v1/sessions/a", json={"history": HISTORY, "static": STATIC})
        assert (created.status_code, created.json()["static"]) == (201, STATIC)
        assert (await http.get("/v1/sessions/a")).json()["static"] == STATIC
        again = await http.put("/v1/sessions/a", json={"history": HISTORY, "static": STATIC})
        assert (again.status_code, again.json()["static"]) == (200, STATIC)
        other = {"history": HISTORY, "static": {"area": 12.5, "floor": 2}}
        await refused(await http.put("/v1/sessions/a", json=other), "session_exists", 409)
        replaced = await http.put("/v1/sessions/a?replace=true", json=other)
        assert (replaced.status_code, replaced.json()["static"]) == (201, {"area": 12.5, "floor": 2.0})
        sent = {**READING, "step": 2, "future": {"price": [1, 2, 3]}}
        answer = await http.post("/v1/sessions/a/observations", json=sent)
        assert answer.json()["forecast"]["median"] == median((3, 7, 1), prices=[1, 2, 3], static=other["static"])


async def test_the_newest_reading_carries_the_future_and_older_ones_need_none(open_inside) -> None:
    async with service(open_inside) as http:
        await http.put("/v1/sessions/a", json={"history": HISTORY, "static": STATIC})
        path = "/v1/sessions/a/observations"
        problem = await refused(await http.post(path, json={**READING, "step": 2}), "missing_future")
        assert (problem["missing"], problem["horizon"]) == (["price"], 3)
        assert (await http.get("/v1/sessions/a")).json()["last_step"] == 1
        ahead = {"price": [None, 8, 9]}
        many = [{**READING, "step": 2}, {**READING, "step": 3}, {**READING, "step": 4, "future": ahead}]
        first, second, newest = (await http.post(path, json=many)).json()
        assert "forecast" not in first
        assert "forecast" not in second
        assert newest["forecast"]["median"] == median(*[(3, 7, 1)] * 3, prices=ahead["price"])
        again = {**READING, "step": 4, "future": {"price": [4, 4, 4]}}
        repeated = (await http.post(path, json=again)).json()
        assert repeated["repeated"]
        assert repeated["forecast"]["median"] == median(*[(3, 7, 1)] * 3, prices=[4, 4, 4])
        short = await http.post(f"{path}?horizon=1", json={**READING, "step": 5, "future": {"price": [1]}})
        assert len(short.json()["forecast"]["median"]) == 1


async def test_an_older_reading_whose_future_is_wrong_is_refused_too(open_inside) -> None:
    async with service(open_inside) as http:
        await http.put("/v1/sessions/a", json={"history": HISTORY, "static": STATIC})
        many = [
            {**READING, "step": 2, "future": {"price": [1]}},
            {**READING, "step": 2, "future": {"price": [1, 2, 3]}},
        ]
        wrong, sound = (await http.post("/v1/sessions/a/observations", json=many)).json()
        assert wrong["error"]["code"] == "future_length"
        assert sound["step"] == 2
        assert sound["forecast"]["median"] == median((3, 7, 1), prices=[1, 2, 3])


async def test_a_reading_left_the_newest_by_a_refusal_is_recorded_without_a_forecast(open_inside) -> None:
    async with service(open_inside) as http:
        await http.put("/v1/sessions/a", json={"history": HISTORY, "static": STATIC})
        for step, wrong, code in (
            (2, {**READING, "step": 9, "future": {"price": [1, 2, 3]}}, "gap"),
            (3, {**READING, "y": 1e300, "step": 4}, "invalid_value"),
            (4, {**READING, "step": 5}, "missing_future"),
        ):
            recorded, refusal = (
                await http.post("/v1/sessions/a/observations", json=[{**READING, "step": step}, wrong])
            ).json()
            assert refusal["error"]["code"] == code
            assert (recorded["step"], "forecast" in recorded) == (step, False)


async def test_a_forecast_is_asked_with_what_is_known_and_advances_nothing(open_inside) -> None:
    async with service(open_inside) as http:
        path = "/v1/sessions/a/forecast"
        await http.put("/v1/sessions/a", json={"history": HISTORY, "static": STATIC})
        problem = await refused(await http.get(path), "missing_future")
        assert "with POST" in problem["detail"]
        await refused(await http.post(path), "missing_future")
        for prices in ([1, 2, 3], [7, None, 7]):
            answer = (await http.post(path, json={"future": {"price": prices}})).json()
            assert (answer["step"], answer["forecast"]["ds"][0]) == (1, "2015-01-10T02:00:00")
            assert answer["forecast"]["median"] == median(prices=prices)
        some = {"future": {"price": [4]}, "horizon": 1, "quantiles": [0.9]}
        forecast = (await http.post(path, json=some)).json()["forecast"]
        assert (forecast["median"], list(forecast["quantiles"])) == (median(prices=[4])[:1], ["0.9"])
        await refused(await http.post(path, json={"horizon": 9}), "horizon_too_long")
        await refused(await http.post("/v1/sessions/b/forecast", json={"future": {"price": [1, 2, 3]}}),
                      "unknown_session", 404)  # fmt: skip
        assert (await http.get("/v1/sessions/a")).json()["last_step"] == 1


async def test_a_forecast_may_be_asked_with_post_of_every_model(http) -> None:
    await http.put("/v1/sessions/a", json={"history": {"start": START, "y": [1, 2, 3]}})
    got = await http.get("/v1/sessions/a/forecast?horizon=2&quantiles=0.1")
    posted = await http.post("/v1/sessions/a/forecast", json={"horizon": 2, "quantiles": [0.1]})
    assert posted.status_code == 200
    assert posted.json() == got.json()
    assert (await http.post("/v1/sessions/a/forecast")).json() == (await http.get("/v1/sessions/a/forecast")).json()


async def test_a_forecast_with_what_is_known_takes_its_shape_from_the_query_too(open_inside) -> None:
    async with service(open_inside) as http:
        path = "/v1/sessions/a/forecast"
        await http.put("/v1/sessions/a", json={"history": HISTORY, "static": STATIC})
        known = {"future": {"price": [4, 5]}}
        in_body = (await http.post(path, json={**known, "horizon": 2, "quantiles": [0.9, 0.1]})).json()
        assert len(in_body["forecast"]["median"]) == 2
        for query, body in (
            ("?horizon=2&quantiles=0.9,0.1", known),
            ("?horizon=2", {**known, "quantiles": [0.9, 0.1]}),
            ("?quantiles=0.9,0.1&horizon=2", {**known, "horizon": 2, "quantiles": [0.9, 0.1]}),
        ):
            assert (await http.post(f"{path}{query}", json=body)).json() == in_body
        for query, body, field in (
            ("?horizon=1", {**known, "horizon": 2}, "horizon"),
            ("?horizon=2&quantiles=", {**known, "quantiles": [0.9]}, "quantiles"),
        ):
            problem = await refused(await http.post(f"{path}{query}", json=body), "invalid_value")
            assert problem["detail"].startswith(f"{field} in the query and {field} in the body are not the same")
        await refused(await http.post(f"{path}?horizon=x", json=known), "wrong_type")


async def test_the_model_says_what_it_wants_to_know(open_inside, http) -> None:
    async with service(open_inside) as knowing:
        model = (await knowing.get("/v1/model")).json()
        assert (model["covariates"], model["future"], model["static"]) == (["price", "rain"], ["price"], [*STATIC])
    model = (await http.get("/v1/model")).json()
    assert (model["future"], model["static"]) == ([], [])
    await http.put("/v1/sessions/a", json={"start": START})
    assert "static" not in (await http.get("/v1/sessions/a")).json()


def test_streams_take_futures_in_both_forms_and_one_wrong_reading_spoils_no_other(open_behind) -> None:
    with open_behind(**NAMES) as running, connect(running.stream()) as stream:
        for name in "ab":
            running.http.put(f"/v1/sessions/{name}", json={"history": HISTORY, "static": STATIC})

        def ask(frame: Any, binary: bool = False) -> Any:
            stream.send(msgspec.msgpack.encode(frame) if binary else json.dumps(frame))
            answer = stream.recv(timeout=10)
            return msgspec.msgpack.decode(answer) if binary else json.loads(answer)

        reading = {"session": "a", **READING}
        item = ask({**reading, "step": 2, "future": {"price": [1, None, 3]}})
        assert item["forecast"]["median"] == median((3, 7, 1), prices=[1, None, 3])
        item = ask({**reading, "step": 3, "future": {"price": [1, 2, 3]}}, binary=True)
        assert item["forecast"]["median"] == median((3, 7, 1), (3, 7, 1), prices=[1, 2, 3])
        assert ask({**reading, "step": 4})["error"]["code"] == "missing_future"
        nan = ask({**reading, "step": 4, "future": {"price": [1, float("nan"), 3]}}, binary=True)
        assert nan["error"]["code"] == "invalid_value"
        beside, missing = ask(
            [{**reading, "session": "b", "step": 2, "future": {"price": [1, 2, 3]}}, {**reading, "step": 4}]
        )
        assert beside["forecast"]["median"] == median((3, 7, 1), prices=[1, 2, 3])
        assert missing["error"]["code"] == "missing_future"
        # The one that carries the future cannot be decoded: the one before it is not to blame.
        recorded, broken = ask([{**reading, "step": 4}, {**reading, "step": "five", "future": {"price": [1, 2, 3]}}])
        assert (recorded["step"], "forecast" in recorded) == (4, False)
        assert broken["error"]["code"] == "wrong_type"
        short = ask({"observations": [{**reading, "step": 5, "future": {"price": [1]}}], "horizon": 1})
        assert len(short[0]["forecast"]["median"]) == 1
