"""How good forecasts are, as clients see it: asked for with a session or set for all, told by itself and in answers."""

from __future__ import annotations

import numpy as np
import pytest

from service.api import schemas, told_schemas
from service.quality import TOLD
from tests.service.scoring import scored_alone

START = "2015-01-10T00:00:00"
VALUES = [float(value) for value in np.random.default_rng(1).normal(0, 9, 40).round(2)]
TOLD_ALONE = scored_alone(np.array(VALUES))


def holds(answer: dict, step: int) -> None:
    """That this is what is told after a step."""
    told = TOLD_ALONE[step]
    means = told[TOLD:].reshape(-1, 7)
    for each, mean in zip(answer["quality"]["ahead"], means, strict=True):
        scored, paired, error, loss, coverage, beside, naive = mean.tolist()
        assert each["scored"] == scored
        named = {"error": error, "quantile_loss": loss, "coverage": coverage, "naive": naive}
        for name, wanted in named.items():
            none = paired == 0 if name == "naive" else scored == 0
            assert each[name] == (None if none else pytest.approx(wanted)), name
        assert each["skill"] == (pytest.approx(1 - beside / naive) if paired else None)
    p = np.exp(-told[0])
    assert answer["anomaly"]["p"] == (None if np.isnan(p) else pytest.approx(p))


async def test_a_session_is_scored_where_it_asks_for_it(http) -> None:
    body = {"history": {"start": START, "y": VALUES[:30]}, "quality": True}
    made = await http.put("/v1/sessions/s", json=body)
    assert (made.status_code, made.json()["quality"]) == (201, True)
    assert (await http.put("/v1/sessions/s", json={**body, "quality": False})).status_code == 200
    assert schemas.SessionAnswer.model_validate((await http.get("/v1/sessions/s")).json()).quality
    assert (await http.get("/v1/sessions?prefix=s")).json()["sessions"][0]["quality"] is True
    answer = (await http.get("/v1/sessions/s/quality")).json()
    told_schemas.QualityAnswer.model_validate(answer)
    assert (answer["session"], answer["step"], answer["ds"]) == ("s", 29, "2015-01-11T05:00:00")
    assert [each["steps"] for each in answer["quality"]["ahead"]] == [1, 2, 3]
    assert (answer["quality"]["band"], "regime" in answer) == (0.8, False)
    holds(answer, 29)
    for step in range(30, 35):
        await http.post("/v1/sessions/s/observations", json={"y": VALUES[step], "step": step})
        holds((await http.get("/v1/sessions/s/quality")).json(), step)
    await http.post("/v1/sessions/s/fork", json={"session": "t", "step": 32})
    holds((await http.get("/v1/sessions/t/quality")).json(), 32)


async def test_a_missing_reading_is_no_anomaly_and_a_wild_one_is(http) -> None:
    history = {"start": START, "y": np.sin(np.arange(200)).tolist()}
    await http.put("/v1/sessions/s", json={"history": history, "quality": True, "regime": True})
    assert not (await http.get("/v1/sessions/s/quality")).json()["anomaly"]["flag"]
    await http.post("/v1/sessions/s/observations", json={"y": None})
    missing = (await http.get("/v1/sessions/s/quality")).json()
    assert missing["anomaly"] == {"flag": False, "p": None, "surprise": None, "side": None, "lasts": False}
    assert missing["regime"]["flag"] is False
    await http.post("/v1/sessions/s/observations", json={"y": -1e6})
    wild = (await http.get("/v1/sessions/s/quality")).json()["anomaly"]
    assert (wild["flag"], wild["side"]) == (True, "low")
    assert wild["p"] < 1e-3


async def test_before_there_is_anything_to_score_it_says_so(http) -> None:
    await http.put("/v1/sessions/s", json={"start": START, "quality": True})
    assert (await http.get("/v1/sessions/s/quality")).json()["code"] == "no_readings"
    await http.post("/v1/sessions/s/observations", json={"y": 1})
    answer = (await http.get("/v1/sessions/s/quality")).json()
    first = {"scored": 0, **dict.fromkeys(("error", "quantile_loss", "coverage", "naive", "skill"))}
    assert answer["quality"]["ahead"][0] == {"steps": 1, **first}
    assert (answer["drift"], answer["anomaly"]["p"]) == ({"flag": False, "score": None}, None)


async def test_other_sessions_are_told_why_not(http) -> None:
    await http.put("/v1/sessions/s", json={"start": START})
    await http.post("/v1/sessions/s/observations", json={"y": 1})
    assert "quality" not in (await http.get("/v1/sessions/s")).json()
    refused = await http.get("/v1/sessions/s/quality")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_quality")
    assert (await http.put("/v1/sessions/w", json={"quality": 1})).json()["code"] == "wrong_type"


async def test_where_the_service_is_set_so_all_are_scored_but_those_that_refuse(open_inside) -> None:
    async with open_inside({"quality": True}) as running:
        assert (await running.http.put("/v1/sessions/a", json={})).json()["quality"] is True
        assert "quality" not in (await running.http.put("/v1/sessions/b", json={"quality": False})).json()


@pytest.mark.parametrize("model", [{"quantiles": (0.1, 0.9)}, {"covariates": ("price",), "future": ("price",)}])
async def test_a_model_whose_forecasts_cannot_be_scored_refuses_to(open_inside, model: dict) -> None:
    async with open_inside(**model) as running:
        refused = await running.http.put("/v1/sessions/s", json={"quality": True})
        assert (refused.status_code, refused.json()["code"]) == (409, "no_quality")
        assert (await running.http.put("/v1/sessions/s", json={"quality": False})).status_code == 201
