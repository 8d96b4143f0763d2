"""A service whose model knows prices ahead and areas of series, killed: it goes on as if nothing had been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np

from service.bundle import Bundle
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.contracts.knowing import NAMES
from tests.served import Served

LENGTH, HISTORY, AREA = 60, 40, {"area": 12.5, "floor": None}
TOLERANCE = 1e-5


def series(seed: int, length: int = LENGTH) -> np.ndarray:
    """Values (length, 4) of the target, price, wind and promotion."""
    others = np.random.default_rng(seed).normal(5, 2, (length, 3))
    return np.concatenate([daily_wave(length, seed)[:, None], others], axis=1)


def columns(values: np.ndarray) -> dict[str, Any]:
    return {
        "y": values[..., 0].tolist(),
        "covariates": dict(zip(NAMES["covariates"], values[..., 1:].T.tolist(), strict=True)),
    }


def test_the_future_of_each_question_and_the_static_features_of_the_session_reach_the_model(
    knowing: Bundle, tmp_path: Path
) -> None:
    values, horizon = series(7), knowing.manifest.horizon
    runtime = open_runtime("onnx", knowing)
    state, static = runtime.states(knowing.initial[None]), np.array([[AREA["area"], np.nan]])
    ahead, expected = [], []
    for step in range(LENGTH - horizon):
        known = values[None, step + 1 : step + 1 + horizon, [1, 3]]
        ahead.append(dict(zip(NAMES["future"], known[0].T.tolist(), strict=True)))
        forecast, state = runtime.step(values[None, step], np.array([START + HOUR * step]), state, known, static)
        expected.append(forecast[0, :, 1])
    scale = values[:, 0].std()

    def same(answer: dict[str, Any], step: int) -> bool:
        difference = np.abs(np.array(answer["forecast"]["median"]) - expected[step])
        return bool(np.all(difference <= TOLERANCE * (scale + np.abs(expected[step]))))

    served = Served(knowing.path, f"sqlite:{tmp_path / 'journal.sqlite'}")
    history = {"start": "2014-07-01T00:00:00", **columns(values[:HISTORY])}
    path = f"{served.url}/v1/sessions/shop"
    last = len(ahead) - 1
    served.start()
    try:
        assert httpx.put(path, json={"history": history, "static": AREA}).status_code == 201
        for step in range(HISTORY, last):
            reading = {"step": step, **columns(values[step]), "future": ahead[step]}
            assert same(httpx.post(f"{path}/observations", json=reading).json(), step)
        served.kill()
        served.start()
        assert httpx.get(path).json()["static"] == AREA
        assert same(httpx.post(f"{path}/forecast", json={"future": ahead[last - 1]}).json(), last - 1)
        other = httpx.post(f"{path}/forecast", json={"future": dict.fromkeys(NAMES["future"], [0.0] * horizon)}).json()
        assert not same(other, last - 1)
        reading = {"step": last, **columns(values[last]), "future": ahead[last]}
        assert same(httpx.post(f"{path}/observations", json=reading).json(), last)
        whole = {"start": history["start"], **columns(values[: last + 1]), "future": ahead[last], "static": AREA}
        for area, agrees in ((AREA, True), ({**AREA, "floor": 4}, False)):
            body = {"series": [{"unique_id": "shop", **whole, "static": area}]}
            (answer,) = httpx.post(f"{served.url}/v1/predict", json=body).json()["series"]
            assert same({"forecast": answer}, last) == agrees
    finally:
        served.end()
