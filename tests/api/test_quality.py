"""How good forecasts are, as clients see it: asked for with a session or set for all, told by itself and in answers."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from websockets.sync.client import connect

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


def test_a_stream_tells_it_in_every_form_where_it_is_asked_and_nowhere_else(live) -> None:
    encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
    for name, asked in {"scored": {"quality": True}, "plain": {}}.items():
        live.http.put(f"/v1/sessions/{name}", json={"start": START, **asked})
    with connect(live.stream("?quality=true&anomaly=0.05")) as stream:
        for step in range(32):
            items = [{"session": name, "y": VALUES[step], "step": step} for name in ("plain", "scored")]
            columns = {"sessions": ["plain", "scored"], "y": [VALUES[step]] * 2, "steps": [step] * 2}
            form = step % 4
            stream.send([json.dumps, encode][form % 2](items if form < 2 else columns))
            answer = (decode if form % 2 else json.loads)(stream.recv(timeout=10))
            if form < 2:
                assert not {"quality", "anomaly"} & set(answer[0])
                holds(answer[1], step)
            else:
                assert [each["at"] for each in answer["quality"] + answer["anomaly"]] == [1, 1]
                holds({name: answer[name][0][name] for name in ("quality", "anomaly")}, step)
        silent = [{"session": "scored", "y": 1, "step": 32}]
        stream.send(json.dumps({"observations": silent, "quality": False, "anomaly": False}))
        assert not {"quality", "anomaly"} & set(json.loads(stream.recv(timeout=10))[0])
        stream.send(json.dumps({"observations": [{"session": "scored", "y": -1e9, "step": 33}], "anomaly": 1e-12}))
        (answer,) = json.loads(stream.recv(timeout=10))
        assert answer["anomaly"]["side"] == "low"
        assert "quality" in answer
        for wrong in (0, 1.5, -1):
            stream.send(json.dumps({"observations": [{"session": "scored", "y": 1, "step": 34}], "anomaly": wrong}))
            assert json.loads(stream.recv(timeout=10))["error"]["code"] == "wrong_type"


async def test_a_request_tells_it_where_it_is_asked(http) -> None:
    await http.put("/v1/sessions/s", json={"start": START, "quality": True})
    for step in range(4):
        sent = {"json": {"y": VALUES[step], "step": step}}
        answer = await http.post("/v1/sessions/s/observations?quality=true&anomaly=true", **sent)
        schemas.Acknowledgement.model_validate(answer.json())
        holds(answer.json(), step)
    for wrong in ("quality=yes", "anomaly=often", "anomaly=0", "anomaly=nan"):
        refused = await http.post(f"/v1/sessions/s/observations?{wrong}", json={"y": 1.0})
        assert refused.json()["code"] == "wrong_type"


async def test_all_sessions_together_are_told_of_in_units_of_their_own_naive(http) -> None:
    values = {"small": np.array(VALUES), "large": 1e4 * np.array(VALUES)}
    assert (await http.get("/v1/quality")).json() == {"models": []}
    for name, each in values.items():
        await http.put(f"/v1/sessions/{name}", json={"start": START, "quality": True})
        for value in each.tolist():
            await http.post(f"/v1/sessions/{name}/observations", json={"y": value})
    await http.put("/v1/sessions/history", json={"history": {"start": START, "y": VALUES}, "quality": True})
    (model,) = (await http.get("/v1/quality")).json()["models"]
    told_schemas.OverallAnswer.model_validate({"models": [model]})
    assert (model["serving"], model["band"], model["readings"]) == (True, 0.8, 80)  # no history is among them
    assert [each["scored"] for each in model["ahead"]] == [78, 76, 74]
    alone = {name: scored_alone(each)[-1][TOLD:].reshape(-1, 7) for name, each in values.items()}
    for at, each in enumerate(model["ahead"]):
        assert each["coverage"] == pytest.approx(np.mean([told[at, 4] for told in alone.values()]), abs=1e-3)
        assert 0.1 < each["error"] < 100  # units of 9 and of 90,000 are one
        assert each["skill"] < 1
    text = (await http.get("/metrics")).text
    digest = model["digest"][:12]
    assert f'gatecast_scored_total{{model="{digest}",steps="1"}} 78.0' in text
    assert f'gatecast_scored_readings_total{{model="{digest}"}} 80.0' in text
    assert f'gatecast_anomalies_total{{model="{digest}"}} {float(model["anomalies"])}' in text
    assert not {"small", "large"} & set(text.replace('"', " ").split())
