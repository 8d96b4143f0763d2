"""Calibrated bands as clients see them: asked for with a session, in every form of answer."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from websockets.sync.client import connect

from service.api import schemas
from tests.service.calibrating import calibrated_alone
from tests.service.engines import alone

START = "2015-01-10T00:00:00"
VALUES = [float(value) for value in np.random.default_rng(1).normal(0, 9, 40).round(2)]
BANDS, PLAIN = calibrated_alone(np.array(VALUES)), alone(VALUES)


def forecast_of(answer: dict, step: int) -> None:
    """That this is the calibrated forecast after a step, which the model's own soon is not any more."""
    for column, level in enumerate(("0.1", "0.5", "0.9")):
        said = answer["forecast"]["quantiles"][level]
        np.testing.assert_allclose(said, BANDS[step, :, column], rtol=1e-6)
        if step > 5:
            assert (level == "0.5") == np.allclose(said, PLAIN[step, :, column], rtol=1e-6)
    np.testing.assert_allclose(answer["forecast"]["median"], PLAIN[step, :, 1], rtol=1e-6)


async def test_a_session_is_calibrated_where_it_asks_for_it(http) -> None:
    body = {"history": {"start": START, "y": VALUES[:30]}, "calibrate": True}
    made = await http.put("/v1/sessions/s", json=body)
    assert (made.status_code, made.json()["calibrate"]) == (201, True)
    assert (await http.put("/v1/sessions/s", json=body)).status_code == 200
    assert schemas.SessionAnswer.model_validate((await http.get("/v1/sessions/s")).json()).calibrate
    assert (await http.get("/v1/sessions?prefix=s")).json()["sessions"][0]["calibrate"] is True
    forecast_of((await http.get("/v1/sessions/s/forecast")).json(), 29)
    for step in range(30, 35):
        answer = await http.post("/v1/sessions/s/observations", json={"y": VALUES[step], "step": step})
        forecast_of(answer.json(), step)
    forecast_of((await http.post("/v1/sessions/s/forecast", json={})).json(), 34)
    await http.post("/v1/sessions/s/fork", json={"session": "t", "step": 32})
    forecast_of((await http.get("/v1/sessions/t/forecast")).json(), 32)


async def test_other_sessions_are_told_nothing_of_it(http) -> None:
    await http.put("/v1/sessions/s", json={"history": {"start": START, "y": VALUES[:30]}})
    assert "calibrate" not in (await http.get("/v1/sessions/s")).json()
    said = (await http.get("/v1/sessions/s/forecast")).json()["forecast"]["quantiles"]["0.9"]
    np.testing.assert_allclose(said, PLAIN[29, :, 2], rtol=1e-6)
    again = {"history": {"start": START, "y": VALUES[:30]}, "calibrate": True}
    assert (await http.put("/v1/sessions/s", json=again)).json()["code"] == "session_exists"
    assert (await http.put("/v1/sessions/w", json={"calibrate": 1})).json()["code"] == "wrong_type"


def test_a_stream_answers_with_them_in_json_in_message_pack_and_by_columns(live) -> None:
    live.http.put("/v1/sessions/c", json={"start": START, "calibrate": True, "regime": True})
    encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
    with connect(live.stream()) as stream:
        for step in range(30):
            sent = {"session": "c", "y": VALUES[step], "step": step}
            if step % 3 == 0:
                stream.send(json.dumps([sent]))
                (answer,) = json.loads(stream.recv(timeout=10))
                forecast_of(answer, step)
                assert not answer["regime"]["flag"]
            elif step % 3 == 1:
                stream.send(encode([sent]))
                (answer,) = decode(stream.recv(timeout=10))
                forecast_of(answer, step)
            else:
                stream.send(json.dumps({"sessions": ["c"], "y": [VALUES[step]], "steps": [step]}))
                told = json.loads(stream.recv(timeout=10))["forecast"]["quantiles"]
                (rows,) = np.array([told[level] for level in ("0.1", "0.5", "0.9")]).transpose(1, 2, 0)
                np.testing.assert_allclose(rows, BANDS[step], rtol=1e-6)


@pytest.mark.parametrize("model", [{"quantiles": (0.1, 0.9)}, {"covariates": ("price",), "future": ("price",)}])
async def test_a_model_that_cannot_be_calibrated_refuses_to(open_inside, model: dict) -> None:
    async with open_inside(**model) as running:
        refused = await running.http.put("/v1/sessions/s", json={"calibrate": True})
        assert (refused.status_code, refused.json()["code"]) == (409, "no_calibration")
        assert (await running.http.put("/v1/sessions/s", json={"calibrate": False})).status_code == 201
