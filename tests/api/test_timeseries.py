"""KServe's time series protocol: the forecasts of /v1/predict in its shape."""

from __future__ import annotations

from typing import Any

import pytest

START = "2015-01-10T00:00:00"
FORECAST = "/v1/timeseries/forecast"


def series(**other: Any) -> dict[str, Any]:
    return {
        "type": "univariate_time_series", "name": "taxi", "series": [1.0, None, 3.0], "frequency": "H",
        "start_timestamp": START, **other,
    }  # fmt: skip


def body(*inputs: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"model": "fake", "inputs": list(inputs) or [series()], "options": {"horizon": 2, **options}}


async def test_a_forecast_is_that_of_predict(http) -> None:
    sent = body(series(), series(series=[5.0], name="taxi"), quantiles=[0.1, 0.9])
    answer = (await http.post(FORECAST, json=sent)).json()
    asked = [{"unique_id": str(at), "start": START, "y": each["series"]} for at, each in enumerate(sent["inputs"])]
    whole = {"series": asked, "horizon": 2, "quantiles": [0.1, 0.9]}
    same = (await http.post("/v1/predict", json=whole)).json()["series"]
    (output,) = answer["outputs"]
    assert (answer["status"], output["status"], answer["model"]) == ("completed", "completed", "fake")
    assert [each["mean_forecast"] for each in output["content"]] == [each["median"] for each in same]
    assert [each["quantiles"] for each in output["content"]] == [each["quantiles"] for each in same]
    assert output["content"][0]["start_timestamp"] == same[0]["ds"][0]
    assert {"type", "name", "frequency"} <= output["content"][0].keys()
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}


async def test_without_quantiles_none_come(http) -> None:
    answer = (await http.post(FORECAST, json=body())).json()
    assert answer["outputs"][0]["content"][0]["quantiles"] is None


async def test_the_model_is_listed(http) -> None:
    assert (await http.get("/v1/timeseries/models")).json() == ["fake"]


@pytest.mark.parametrize("frequency", ["H", "hour", "1h", None])
async def test_the_models_own_frequency_has_several_names(http, frequency: str | None) -> None:
    answer = await http.post(FORECAST, json=body(series(frequency=frequency)))
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["content"][0]["frequency"] == (frequency or "1h")


@pytest.mark.parametrize(("frequency", "letter"), [("1mo", "M"), ("1q", "Q"), ("1y", "Y"), ("1mo", "month")])
async def test_months_quarters_and_years_have_letters(open_inside, frequency: str, letter: str) -> None:
    async with open_inside(frequency=frequency) as running:
        assert (await running.http.post(FORECAST, json=body(series(frequency=letter)))).status_code == 200


async def test_a_multivariate_series_has_the_target_and_the_covariates(open_inside) -> None:
    async with open_inside(covariates=("temp", "rain")) as running:
        rows = [[1.0, 20.0, 0.0], [2.0, 21.0, None]]
        many = series(type="multivariate_time_series", series=rows)
        found = (await running.http.post(FORECAST, json=body(many))).json()["outputs"][0]["content"][0]
        columns = {"temp": [20.0, 21.0], "rain": [0.0, None]}
        asked = {"series": [{"unique_id": "a", "start": START, "y": [1.0, 2.0], "covariates": columns}], "horizon": 2}
        assert (
            found["mean_forecast"] == (await running.http.post("/v1/predict", json=asked)).json()["series"][0]["median"]
        )
        one = await running.http.post(FORECAST, json=body())
        assert (one.status_code, one.json()["code"]) == (422, "missing_covariates")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({**body(), "model": "other"}, 404, "unknown_model"),
        (body(series(frequency="D")), 422, "invalid_value"),
        (body(series(frequency="often")), 422, "invalid_value"),
        (body(series(series=[[1.0], [2.0]])), 422, "wrong_type"),
        (body(series(type="multivariate_time_series")), 422, "wrong_type"),
        (body(series(type="multivariate_time_series", series=[[1.0, 2.0]])), 422, "wrong_type"),
        (body(series(start_timestamp=None)), 422, "time_required"),
        (body(series(series=[])), 422, "empty_history"),
        (body(horizon=99), 422, "horizon_too_long"),
        (body(quantiles=[0.42]), 422, "unknown_quantile"),
        ({**body(), "inputs": []}, 422, "empty_request"),
        ({}, 422, "wrong_type"),
    ],
)
async def test_what_is_wrong_is_told_by_name(http, sent: dict[str, Any], status: int, code: str) -> None:
    answer = await http.post(FORECAST, json=sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
