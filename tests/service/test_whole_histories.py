"""An ensemble with a member that reads histories both ways, exported and served: by request, and no streams."""

from __future__ import annotations

import io
import json

import httpx
import numpy as np
import pytest
import torch
from fastapi import FastAPI
from starlette.types import Message

from export.golden import Stretch
from export.verify import Verification
from export.writer import Description, write_bundle
from models.forecaster import Forecaster
from models.registry import build
from service.app import open_service
from service.bundle import STEP_ONNX, Bundle
from service.logs import open_log
from service.runtimes import open_runtime
from service.settings import Settings
from tests.conftest import HOUR, START, daily_wave, small_config, taught

STATIC = {"area": 2.0}
pytestmark = pytest.mark.timeout(400)  # an export takes long on a busy machine


@pytest.fixture(scope="module")
def model() -> Forecaster:
    torch.manual_seed(0)
    config = small_config(
        **{"architecture": "ensemble", "members": ("gru", "bi-gru"), "missing": "linear", "horizon": 5, "layers": 1},
        **{"covariates": ("price",), "future": ("price",), "static": ("area",), "lags": (24,), "calendar": ()},
    )
    return taught(build(config), steps=10)


@pytest.fixture(scope="module")
def both_ways(model: Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    prices = np.random.default_rng(0).normal(20, 5, 300)
    stretches = [Stretch(START, np.stack([daily_wave(300, seed=row), prices], 1), np.array([2.0])) for row in range(2)]
    out = tmp_path_factory.mktemp("bundles") / "both.bundle"
    return write_bundle(model, Description("both", "y", None, {}, {}), stretches, out)


def sent(length: int) -> dict[str, object]:
    y = daily_wave(length, seed=5).tolist()
    y[3:6] = [None] * 3
    return {
        **{"unique_id": "a", "start": "2014-07-01T00:00:00", "y": y, "static": STATIC},
        **{"covariates": {"price": [float(at % 7) for at in range(length)]}, "future": {"price": [1, 2, None, 4, 5]}},
    }


async def handshake(app: FastAPI) -> tuple[int, str]:
    """Status and code of the problem that a websocket is refused with."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/v1/stream", "raw_path": b"/v1/stream", "query_string": b"", "headers": []}
    await app({**scope, "extensions": {"websocket.http.response": {}}, "subprotocols": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    return sent[0]["status"], json.loads(sent[1]["body"])["code"]


def test_it_has_one_graph_and_every_runtime_answers_as_torch_does(both_ways: Bundle) -> None:
    manifest = both_ways.manifest
    assert (manifest.streams, manifest.longest_history, list(manifest.graphs)) == (False, 48, ["sequence"])
    assert (manifest.architecture, manifest.gates, manifest.gate_slices) == ("ensemble", 0, [])
    assert not (both_ways.path / STEP_ONNX).exists()
    for name in ("onnx", "torchscript"):
        checks = list(Verification(both_ways).run(open_runtime(name, both_ways)))
        assert len(checks) == 4
        assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("runtime", ["onnx", "torchscript"])
async def test_a_whole_history_is_forecast_as_torch_does_and_a_longer_one_or_a_stream_is_refused(
    model: Forecaster, both_ways: Bundle, runtime: str
) -> None:
    settings = Settings(bundle=both_ways.path, runtime=runtime, journal="memory")
    app = open_service(settings, open_log("error", "json", io.StringIO())).app
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
    ):
        for length in (48, 30, 1):
            series = sent(length)
            if length == 1:
                series["y"] = [50.0]
            answer = await http.post("/v1/predict", json={"series": [series], "quantiles": [0.1, 0.5, 0.9]})
            assert answer.status_code == 200, answer.text
            found = answer.json()["series"][0]["quantiles"]
            values = np.stack([np.array(series["y"], float), np.array(series["covariates"]["price"])], 1)  # type: ignore[index]
            with torch.inference_mode():
                expected, _ = model.sequence(
                    torch.from_numpy(values)[None],
                    torch.from_numpy(START + HOUR * np.arange(length))[None],
                    torch.tensor([length]),
                    model.initial()[None],
                    torch.tensor([[1, 2, float("nan"), 4, 5]]).double()[:, :, None],
                    torch.tensor([[2.0]]).double(),
                )
            np.testing.assert_allclose(np.array(list(found.values())).T, expected[0].numpy(), rtol=1e-4, atol=1e-4)
        long = await http.post("/v1/predict", json={"series": [sent(49)]})
        assert (long.status_code, long.json()["code"]) == (413, "history_too_long")
        assert "48" in long.json()["detail"]
        session = await http.put("/v1/sessions/a", json={"static": STATIC})
        assert (session.status_code, session.json()["code"]) == (409, "cannot_stream")
        assert await handshake(app) == (409, "cannot_stream")
