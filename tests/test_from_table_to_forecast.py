"""From a CSV to a forecast by REST: a price that is known ahead and drives the target, and what is static."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from commands.main import app as command
from models.training.run import Run
from service.app import open_service
from service.bundle import Bundle
from service.logs import open_log
from service.settings import Settings

HORIZON, FIRST = 4, datetime(2024, 5, 1)
AREAS = {"north": 2.0, "south": 5.0}
pytestmark = pytest.mark.timeout(400)  # an export takes long on a busy machine


def series(name: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    """A target that is a day's rhythm and, one to one, the price, which jumps every few hours."""
    random = np.random.default_rng(len(AREAS) * int(AREAS[name]))
    jumps = random.normal(0, 10, length).round(1)
    price = jumps[np.repeat(np.arange(length), random.integers(1, 5, length))[:length]]
    wave = 5 * np.sin(2 * np.pi * np.arange(length) / 24)
    return 100 + wave + price + random.normal(0, 0.3, length), price


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Trained, exported and verified as it is typed."""
    folder = tmp_path_factory.mktemp("prices")
    lines = ["unique_id,ds,y,price,area"]
    for name, area in AREAS.items():
        target, price = series(name, 500)
        lines += [
            f"{name},{FIRST + timedelta(hours=hour)},{target[hour]:.3f},{price[hour]},{area}" for hour in range(500)
        ]
    (folder / "prices.csv").write_text("\n".join(lines))
    run, out = folder / "run", folder / "prices.bundle"
    model = [
        "--hidden",
        "16",
        "--layers",
        "1",
        "--lags",
        "24",
        "--dropout",
        "0",
        "--future",
        "price",
        "--static",
        "area",
    ]
    training = ["--steps", "150", "--batch", "8", "--shortest", "24", "--longest", "64", "--rate", "0.01"]
    typed(["train", str(folder / "prices.csv"), "--horizon", str(HORIZON), "--out", str(run), *model, *training])
    config = Run.open(run).config
    assert (config.covariates, config.future, config.static) == (("price",), ("price",), ("area",))
    typed(["export", str(run), "--out", str(out)])
    typed(["verify", str(out)])
    return Bundle.open(out)


def typed(words: list[str]) -> None:
    result = CliRunner().invoke(command, words, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output


async def predicted(bundle: Path, requests: list[dict[str, Any]]) -> list[list[float]]:
    settings = Settings(bundle=bundle, journal="memory")
    app = open_service(settings, open_log("error", "json", io.StringIO())).app
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
    ):
        answer = await http.post("/v1/predict", json={"series": requests})
    assert answer.status_code == 200, answer.text
    return [each["median"] for each in answer.json()["series"]]


async def test_a_jump_of_the_price_that_is_known_ahead_is_in_the_forecast(served: Bundle) -> None:
    manifest = served.manifest
    assert (manifest.future, manifest.static) == (["price"], ["area"])
    requests, targets = [], []
    for at, jump in enumerate((15.0, -15.0, 8.0, -8.0)):
        target, price = series("north", 500)
        end = 470 + 5 * at
        ahead = np.array([price[end - 1], price[end - 1] + jump, price[end - 1] + jump, price[end - 1]])
        targets.append(target[end : end + HORIZON] - price[end : end + HORIZON] + ahead)
        history = {
            "start": (FIRST + timedelta(hours=end - 200)).isoformat(),
            "y": target[end - 200 : end].tolist(),
            "covariates": {"price": price[end - 200 : end].tolist()},
            "static": {"area": AREAS["north"]},
        }
        for name, known in (("known", ahead.tolist()), ("unknown", [None] * 4), ("unchanged", [price[end - 1]] * 4)):
            requests.append({"unique_id": f"{name} {at}", **history, "future": {"price": known}})
    forecasts = np.array(await predicted(served.path, requests)).reshape(4, 3, HORIZON)
    known, unknown, unchanged = np.abs(forecasts - np.array(targets)[:, None]).mean((0, 2))
    assert known < 0.5 * min(unknown, unchanged), (known, unknown, unchanged)


async def test_what_is_static_reaches_the_forecast(served: Bundle) -> None:
    target, price = series("north", 300)
    history = {"start": FIRST.isoformat(), "y": target.tolist(), "covariates": {"price": price.tolist()}}
    shared = {**history, "future": {"price": [0.0] * HORIZON}}
    asked = [{"unique_id": str(area), **shared, "static": {"area": area}} for area in (2.0, 5.0, None)]
    forecasts = await predicted(served.path, asked)
    assert len({tuple(each) for each in forecasts}) == 3
