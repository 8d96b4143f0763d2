"""Requests that cannot be answered: each has its own code, and none is a fault of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

START = "2015-01-10T00:00:00"
JSON = {"content-type": "application/json"}


def one(**series: Any) -> dict[str, Any]:
    return {"series": [{"unique_id": "a", "start": START, "y": [1, 2], **series}]}


def hours(*at: int) -> list[str]:
    return [f"2015-01-10T{hour:02}:00:00" for hour in at]


REFUSED: list[tuple[str, Any, int, str]] = [
    ("no series", {"series": []}, 422, "empty_request"),
    ("no series at all", {}, 422, "wrong_type"),
    ("an empty history", one(y=[]), 422, "empty_history"),
    ("one id twice", {"series": [one()["series"][0]] * 2}, 422, "duplicate_series"),
    (
        "too many series",
        {"series": [{**one()["series"][0], "unique_id": str(at)} for at in range(6)]},
        413,
        "too_many_series",
    ),
    ("too long a history", one(y=[1.0] * 51), 413, "history_too_long"),
    ("text for a value", one(y=["1"]), 422, "wrong_type"),
    ("true for a value", one(y=[True]), 422, "wrong_type"),
    ("a number for an id", one(unique_id=7), 422, "wrong_type"),
    ("an id without characters", one(unique_id=""), 422, "wrong_type"),
    ("a field nobody knows", one(yy=[1]), 422, "wrong_type"),
    ("a list for the body", [one()], 422, "wrong_type"),
    ("an absurd value", one(y=[1, 1e300]), 422, "invalid_value"),
    ("an absurd value below", one(y=[1, -1e16]), 422, "invalid_value"),
    ("an absurd covariate nobody knows", one(covariates={"t": [1, 2]}), 422, "unknown_covariate"),
    ("no time", {"series": [{"unique_id": "a", "y": [1]}]}, 422, "time_required"),
    ("a time in words", one(start="noon"), 422, "invalid_time"),
    ("a time with a zone", one(start=START + "Z"), 422, "invalid_time"),
    ("a time as a number", one(start=1_420_848_000), 422, "invalid_time"),
    ("a time off the grid", one(start=None, ds=[START, "2015-01-10T01:30:00"]), 422, "off_grid"),
    ("a time left out", one(start=None, ds=hours(0, 2)), 422, "invalid_time"),
    ("a time twice", one(start=None, ds=hours(0, 0)), 422, "invalid_time"),
    ("times backwards", one(start=None, ds=hours(1, 0)), 422, "invalid_time"),
    ("more times than values", one(start=None, ds=hours(0, 1, 2)), 422, "invalid_time"),
    ("start and ds apart", one(start=hours(3)[0], ds=hours(0, 1)), 422, "invalid_time"),
    ("a day that is none", one(start="2015-02-30"), 422, "invalid_time"),
    ("too long a horizon", {**one(), "horizon": 4}, 422, "horizon_too_long"),
    ("no horizon", {**one(), "horizon": 0}, 422, "invalid_value"),
    ("a horizon in text", {**one(), "horizon": "3"}, 422, "wrong_type"),
    ("half a step of horizon", {**one(), "horizon": 1.5}, 422, "wrong_type"),
    ("an unknown quantile", {**one(), "quantiles": [0.3]}, 422, "unknown_quantile"),
    ("a quantile twice", {**one(), "quantiles": [0.5, 0.5]}, 422, "invalid_value"),
    ("a quantile in text", {**one(), "quantiles": ["0.5"]}, 422, "wrong_type"),
]


def raw(value: str, unique_id: str = "a") -> bytes:
    return b'{"series": [{"unique_id": "%s", "start": "2015-01-10", "y": [%s]}]}' % (unique_id.encode(), value.encode())


RAW: list[tuple[str, bytes, int, str]] = [
    ("half a document", b'{"series": [', 400, "malformed_json"),
    ("no JSON", b"series=1", 400, "malformed_json"),
    ("two documents", b"{}{}", 400, "malformed_json"),
    ("bytes that are no text", b'{"series": "\xff\xfe"}', 400, "malformed_json"),
    ("deep nesting", b'{"series": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 413, "too_large"),
    ("nesting", b'{"series": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", 400, "malformed_json"),
    ("NaN", raw("NaN"), 422, "invalid_value"),
    ("Infinity", raw("-Infinity"), 422, "invalid_value"),
    ("1e400", raw("1e400"), 422, "invalid_value"),
    ("an endless integer", raw("9" * 400), 422, "invalid_value"),
    ("an id that is half of a pair", raw("1", r"\ud800"), 400, "malformed_json"),
    ("nothing", b"", 422, "empty_request"),
    ("null", b"null", 422, "wrong_type"),
]


@pytest.fixture
async def http(open_inside) -> AsyncIterator[httpx.AsyncClient]:
    limits = {"series_per_request": 5, "history_steps": 50, "body_bytes": 20_000}
    async with open_inside(limits) as running:
        yield running.http


@pytest.mark.parametrize(("body", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_request_that_does_not_fit_is_refused_by_its_code(http, body, status, code) -> None:
    answer = await http.post("/v1/predict", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert_problem(answer)


@pytest.mark.parametrize(("body", "status", "code"), [row[1:] for row in RAW], ids=[row[0] for row in RAW])
async def test_a_body_that_cannot_be_read_is_refused_by_its_code(http, body, status, code) -> None:
    answer = await http.post("/v1/predict", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert_problem(answer)


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (one(start=None, ds=[START, "2015-01-10T01:30:00"]), {"index": 1, "expected": "2015-01-10T01:00:00"}),
        (one(start=None, ds=[START, "soon"]), {"index": 1}),
        (one(y=[1, 1e300]), {"index": 1}),
        (one(y=[1.0] * 51), {"limit": 50}),
        ({**one(), "horizon": 4}, {"horizon": 3}),
        ({**one(), "quantiles": [0.3]}, {"quantiles": [0.1, 0.5, 0.9]}),
    ],
)
async def test_a_refusal_carries_what_a_program_can_act_on(http, body, facts) -> None:
    answer = (await http.post("/v1/predict", json=body)).json()
    assert facts.items() <= answer.items()


async def test_a_refusal_names_the_series_and_the_field(http) -> None:
    body = {"series": [{"unique_id": "good", "start": START, "y": [1]}, {"unique_id": "bad", "y": [1]}]}
    timeless = (await http.post("/v1/predict", json=body)).json()
    assert timeless["unique_id"] == "bad"
    assert timeless["detail"].startswith("series[1]: ")
    typed = (await http.post("/v1/predict", json=one(y=[1, "x"]))).json()
    assert typed["faults"][0]["where"] == "series.0.y.1"


async def test_missing_and_unequal_covariates_are_refused(open_inside) -> None:
    async with open_inside(covariates=("temp",)) as running:
        missing = await running.http.post("/v1/predict", json=one())
        short = await running.http.post("/v1/predict", json=one(covariates={"temp": [1]}))
        absurd = await running.http.post("/v1/predict", json=one(covariates={"temp": [1, 1e300]}))
    assert missing.json()["code"] == "missing_covariates"
    assert short.json()["code"] == "wrong_type"
    assert absurd.json()["code"] == "invalid_value"


@pytest.mark.parametrize("time", [1.5, True, "2015-01-10", 2**60])
async def test_counted_steps_take_nothing_but_whole_numbers(open_inside, time) -> None:
    async with open_inside(frequency="1") as running:
        answer = await running.http.post("/v1/predict", json=one(start=time))
    assert answer.json()["code"] in ("invalid_time", "wrong_type")


@pytest.mark.parametrize("query", ["horizon=x", "horizon=1.5", "quantiles=a", "quantiles=0.1;0.5", "quantiles=nan"])
async def test_queries_of_a_wrong_type_are_refused(http, query: str) -> None:
    await http.put("/v1/sessions/s", json={"history": {"start": START, "y": [1]}})
    answer = await http.get(f"/v1/sessions/s/forecast?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_type")


OBSERVED = ["horizon", "quantiles", "gates", "gaps", "sums", "quality", "anomaly"]


@pytest.mark.parametrize(
    ("method", "path", "taken"),
    [
        ("POST", "/v1/predict?horizon=2", []),
        ("PUT", "/v1/sessions/s?replaced=true", ["replace"]),
        ("GET", "/v1/sessions/s?step=1", []),
        ("DELETE", "/v1/sessions/s?step=1", []),
        ("GET", "/v1/sessions/s/forecast?horizon=2&horizons=2", ["horizon", "quantiles", "sums"]),
        ("POST", "/v1/sessions/s/forecast?quantile=0.5", ["horizon", "quantiles", "sums"]),
        ("POST", "/v1/sessions/s/observations?gate=units", OBSERVED),
        ("GET", "/v1/sessions/s/gates?unit=true", ["units"]),
        ("GET", "/v1/sessions/s/regime?units=true", []),
        ("GET", "/v1/sessions/s/quality?rate=0.1", []),
        ("GET", "/v1/quality?limit=1", []),
    ],
)
async def test_a_query_parameter_that_nobody_takes_is_refused_by_name(http, method, path, taken) -> None:
    await http.put("/v1/sessions/s", json={"history": {"start": START, "y": [1]}})
    answer = await http.request(method, path, **({"json": one()} if path.startswith("/v1/predict") else {}))
    assert (answer.status_code, answer.json()["code"], answer.json()["parameters"]) == (422, "wrong_type", taken)
    assert_problem(answer)
    assert (await http.get("/v1/sessions/s")).json()["last_step"] == 0


LATE = "9999-12-31T20:00:00"  # with a horizon of three hours, the last reading of all


async def test_no_time_beyond_the_year_9999_is_taken_or_answered(http) -> None:
    sessions = "/v1/sessions"
    for method, path, body in (
        ("POST", "/v1/predict", one(start=LATE)),
        ("POST", "/v1/predict", one(start=None, ds=[LATE, "9999-12-31T21:00:00"])),
        ("PUT", f"{sessions}/a", {"start": "9999-12-31T21:00:00"}),
        ("PUT", f"{sessions}/a", {"history": {"start": LATE, "y": [1, 2]}}),
    ):
        answer = await http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_time"), answer.text
        assert "times end with the year 9999" in answer.json()["detail"]
    predicted = await http.post("/v1/predict", json=one(start=LATE, y=[1]))
    assert predicted.json()["series"][0]["ds"][-1] == "9999-12-31T23:00:00"
    assert (await http.put(f"{sessions}/a", json={"history": {"start": LATE, "y": [1]}})).status_code == 201
    assert (await http.get(f"{sessions}/a/forecast")).json()["forecast"]["ds"][-1] == "9999-12-31T23:00:00"
    for reading in ({"y": 2, "step": 1}, {"y": 2, "ds": "9999-12-31T21:00:00"}, {"y": 2}):
        answer = await http.post(f"{sessions}/a/observations", json=reading)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_time"), answer.text
    assert (await http.post(f"{sessions}/a/observations", json={"y": 1, "step": 0})).json()["repeated"]
    off = await http.post("/v1/predict", json=one(start=None, ds=["9999-12-31T23:00:00"] * 2))
    assert (off.status_code, off.json()["code"]) == (422, "invalid_time")


def assert_problem(answer: httpx.Response) -> None:
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:gatecast:error:{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
