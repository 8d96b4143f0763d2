"""POST /v1/predict: what comes back, and how a client may choose and write."""

from __future__ import annotations

import time
from typing import Any

import httpx
import numpy as np
import pytest

START = "2015-01-10T00:00:00"


async def forecast(http: httpx.AsyncClient, **sent: Any) -> dict[str, Any]:
    answer = await http.post("/v1/predict", json=sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_series_is_answered_in_the_order_sent_with_times_median_and_quantiles(http) -> None:
    answer = await forecast(
        http,
        series=[
            {"unique_id": "b", "start": START, "y": [1, None, 3.5]},
            {"unique_id": "a", "start": START, "y": [10]},
        ],
    )
    b, a = answer["series"]
    assert (b["unique_id"], a["unique_id"]) == ("b", "a")
    assert b["ds"] == ["2015-01-10T03:00:00", "2015-01-10T04:00:00", "2015-01-10T05:00:00"]
    assert a["ds"][0] == "2015-01-10T01:00:00"
    assert list(b["quantiles"]) == ["0.1", "0.5", "0.9"]
    assert b["median"] == b["quantiles"]["0.5"]
    assert all(len(levels) == 3 for levels in b["quantiles"].values())
    assert set(answer["model"]) == {"name", "digest"}


async def test_a_series_is_forecast_alike_alone_and_beside_others(http) -> None:
    one = {"unique_id": "one", "start": START, "y": [5, 6, 7]}
    alone = await forecast(http, series=[one])
    beside = await forecast(http, series=[{"unique_id": "other", "start": START, "y": [900] * 40}, one])
    assert alone["series"][0] == beside["series"][1]


async def test_start_and_ds_name_the_same_times(http) -> None:
    times = ["2015-01-10T00:00:00", "2015-01-10 01:00", "2015-01-10T02:00:00"]
    by_start = await forecast(http, series=[{"unique_id": "a", "start": START, "y": [1, 2, 3]}])
    by_ds = await forecast(http, series=[{"unique_id": "a", "ds": times, "y": [1, 2, 3]}])
    both = await forecast(http, series=[{"unique_id": "a", "ds": times, "start": times[0], "y": [1, 2, 3]}])
    assert by_start == by_ds == both


async def test_a_request_of_many_series_is_answered_as_each_would_be_alone(http) -> None:
    series = [{"unique_id": str(at), "start": START, "y": [at] * (1 + at % 5)} for at in range(100)]
    together = await forecast(http, series=series)
    alone = [(await forecast(http, series=[one]))["series"][0] for one in series[::33]]
    assert [each["unique_id"] for each in together["series"]] == [str(at) for at in range(100)]
    assert together["series"][::33] == alone


async def test_horizon_and_quantiles_are_chosen_among_the_trained(http) -> None:
    sent = [{"unique_id": "a", "start": START, "y": [1, 2, 4]}]
    whole = (await forecast(http, series=sent))["series"][0]
    part = (await forecast(http, series=sent, horizon=2, quantiles=[0.9, 0.1]))["series"][0]
    assert list(part["quantiles"]) == ["0.9", "0.1"]
    assert part["quantiles"]["0.9"] == whole["quantiles"]["0.9"][:2]
    assert part["median"] == whole["median"][:2]
    assert part["ds"] == whole["ds"][:2]
    none = (await forecast(http, series=sent, quantiles=[]))["series"][0]
    assert none["quantiles"] == {}
    assert none["median"] == whole["median"]


async def test_a_model_without_a_median_is_answered_with_the_middle_of_its_neighbours(open_inside) -> None:
    async with open_inside(quantiles=(0.2, 0.4, 0.8)) as running:
        answer = await forecast(running.http, series=[{"unique_id": "a", "start": START, "y": [1, 2]}])
    series = answer["series"][0]
    low, high = np.array(series["quantiles"]["0.4"]), np.array(series["quantiles"]["0.8"])
    np.testing.assert_allclose(series["median"], low + 0.25 * (high - low), rtol=1e-12)


async def test_covariates_are_taken_by_name_whatever_their_order(open_inside) -> None:
    async with open_inside(covariates=("temp", "rain")) as running:
        columns = {"rain": [1, 2], "temp": [20, None]}
        one = await forecast(
            running.http, series=[{"unique_id": "a", "start": START, "y": [1, 2], "covariates": columns}]
        )
        other = {"temp": [20, None], "rain": [1, 2]}
        two = await forecast(
            running.http, series=[{"unique_id": "a", "start": START, "y": [1, 2], "covariates": other}]
        )
        swapped = {"rain": [20, None], "temp": [1, 5]}
        three = await forecast(
            running.http, series=[{"unique_id": "a", "start": START, "y": [1, 2], "covariates": swapped}]
        )
    assert one == two
    assert one != three


async def test_counted_steps_take_whole_numbers_and_need_no_start(open_inside) -> None:
    async with open_inside(frequency="2") as running:
        given = await forecast(running.http, series=[{"unique_id": "a", "ds": [4, 6, 8], "y": [1, 2, 3]}])
        free = await forecast(running.http, series=[{"unique_id": "a", "y": [1, 2, 3]}])
    assert given["series"][0]["ds"] == [10, 12, 14]
    assert free["series"][0]["ds"] == [6, 8, 10]


async def test_times_with_an_offset_are_brought_to_the_models_zone(open_inside) -> None:
    async with open_inside(time_zone="Europe/Berlin") as running:
        answer = await forecast(
            running.http,
            series=[{"unique_id": "a", "ds": ["2015-01-10T00:00:00Z", "2015-01-10T02:00:00"], "y": [1, 2]}],
        )
    assert answer["series"][0]["ds"][0] == "2015-01-10T03:00:00"


async def test_monthly_times_follow_the_calendar(open_inside) -> None:
    async with open_inside(frequency="1mo") as running:
        answer = await forecast(running.http, series=[{"unique_id": "a", "start": "2015-01-30", "y": [1, 2]}])
    assert answer["series"][0]["ds"] == ["2015-03-30T00:00:00", "2015-04-30T00:00:00", "2015-05-30T00:00:00"]


@pytest.mark.parametrize("length", [1, 2, 300, 5_000])
async def test_a_history_of_any_length_is_answered(http, length: int) -> None:
    answer = await forecast(http, series=[{"unique_id": "a", "start": START, "y": [1.0] * length}])
    assert np.isfinite(answer["series"][0]["median"]).all()


def test_what_a_client_asked_for_and_gave_up_is_not_computed_to_its_end(open_behind) -> None:
    body = {"series": [{"unique_id": "a", "start": START, "y": [1] * 10_000}]}
    with open_behind() as running:
        running.runtime.entered.clear()
        running.runtime.gate.clear()  # until the end: what waits can only have been dropped
        with pytest.raises(httpx.ReadTimeout):
            running.http.post("/v1/predict", json=body, timeout=httpx.Timeout(10, read=0.3))
        assert running.runtime.entered.is_set()
        for _ in range(500):
            if running.service.edge.engine.waiting == (0, 0):
                break
            time.sleep(0.01)
        assert running.service.edge.engine.waiting == (0, 0)
        running.runtime.gate.set()
        one = {"unique_id": "a", "start": START, "y": [1]}
        assert running.http.post("/v1/predict", json={"series": [one]}).is_success
