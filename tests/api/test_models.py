"""/v1/models over real bundles: deployed, compared, promoted, taken back, and what is refused."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.api.models import ModelsAnswer
from service.app import open_service
from service.bundle import MANIFEST, Bundle, write_manifest
from service.chosen import Chosen
from service.errors import BundleError
from service.logs import open_log
from service.runtimes import open_runtime
from service.settings import Settings
from tests.conftest import START, daily_wave
from tests.successors import write_models

BEGIN = "2014-07-01T00:00:00"
VALUES = [round(float(value), 3) for value in daily_wave(80, seed=40)]
HISTORY = {"history": {"start": BEGIN, "y": VALUES[:40], "covariates": {"temperature": [1.5] * 40}}}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A directory of models with the versions v1 and v2."""
    write_models(tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def bundle(models: Path) -> Bundle:
    return Bundle.open(models / "v1")


@pytest.fixture
def successor(models: Path) -> Bundle:
    return Bundle.open(models / "v2")


@asynccontextmanager
async def served(**given: object) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings.read(**{"runtime": "onnx", "journal": "memory", **given})
    service = open_service(settings, open_log("error", "json", io.StringIO()))
    transport = httpx.ASGITransport(service.app)
    async with (
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as http,
    ):
        yield http


def forecast(bundle: Bundle, values: list[float]) -> np.ndarray:
    """(horizon, quantiles) after all of these."""
    runtime = open_runtime("onnx", bundle)
    count = len(values)
    states = runtime.states(bundle.initial[None])
    times = (START + 3_600 * np.arange(count))[None]
    readings = np.stack([np.array(values), np.full(count, 1.5)], axis=1)  # (time, target and temperature)
    return runtime.sequence(readings[None], times, np.array([count]), states)[0][0]


def assert_answered_by(bundle: Bundle, values: list[float], answer: dict[str, Any]) -> None:
    said = np.array([answer["forecast"]["quantiles"][level] for level in ("0.1", "0.5", "0.9")]).T
    np.testing.assert_allclose(said, forecast(bundle, values), rtol=1e-4)


async def observe(http: httpx.AsyncClient, values: list[float]) -> dict[str, Any]:
    answer = {}
    for value in values:
        answer = (
            await http.post("/v1/sessions/meter/observations", json={"y": value, "covariates": {"temperature": 1.5}})
        ).json()
        assert "code" not in answer, answer
    return answer


async def until(http: httpx.AsyncClient, state: str) -> dict[str, Any]:
    """Until the candidate is in this state; "" is none."""
    for _ in range(1_000):
        told: dict[str, Any] = (await http.get("/v1/models")).json()
        ModelsAnswer.model_validate(told)
        candidate = told["candidate"]
        if ("" if candidate is None else candidate["state"]) == state:
            return told
        assert candidate is not None, told
        assert state == "failed" or candidate["state"] != "failed", candidate
        await asyncio.sleep(0.02)
    raise AssertionError(told)


async def test_a_version_is_deployed_compared_promoted_and_taken_back(
    models: Path, bundle: Bundle, successor: Bundle
) -> None:
    async with served(bundle=models / "v1", models=models) as http:
        await http.put("/v1/sessions/meter", json=HISTORY)
        assert_answered_by(bundle, VALUES[:50], await observe(http, VALUES[40:50]))
        answer = await http.post("/v1/models/v2/deploy?shadow=true")
        assert answer.status_code == 202
        assert answer.json()["candidate"]["version"] == "v2"
        await until(http, "ready")
        assert_answered_by(bundle, VALUES[:60], await observe(http, VALUES[50:60]))
        told = (await http.get("/v1/models")).json()
        scores = told["candidate"]["scores"]
        assert scores["readings"] == 9
        metrics = (await http.get("/metrics")).text
        for role in ("current", "candidate"):
            assert f'gatecast_model_error{{measure="mae",role="{role}"}} {scores[role]["mae"]}' in metrics
        assert told["versions"] == ["v1", "v2"]
        assert told["current"]["version"] == "v1"

        refused = await http.post("/v1/models/v2/promote?max_ratio=0.000001&readings=5")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_better")
        assert refused.json()["current"] == scores["current"]["quantile_loss"]
        promoted = await http.post("/v1/models/v2/promote")
        assert promoted.status_code == 200, promoted.text
        assert promoted.json()["current"]["digest"] == successor.digest
        assert promoted.json()["previous"]["version"] == "v1"
        assert_answered_by(successor, VALUES[:70], await observe(http, VALUES[60:70]))
        model = (await http.get("/v1/model")).json()
        assert (model["name"], model["state_bytes"]) == ("successor", 4 * successor.manifest.state.size)
        assert json.loads((models / "current.json").read_text()) == {"version": "v2"}

        assert (await http.post("/v1/models/rollback")).json()["current"]["version"] == "v1"
        assert_answered_by(bundle, VALUES, await observe(http, VALUES[70:]))
        assert json.loads((models / "current.json").read_text()) == {"version": "v1"}
        again = await http.post("/v1/models/rollback")
        assert (again.status_code, again.json()["code"]) == (409, "no_rollback")


async def test_without_shadow_a_version_serves_as_soon_as_it_is_ready_and_after_a_restart(
    models: Path, successor: Bundle, tmp_path: Path
) -> None:
    journal = f"sqlite:{tmp_path / 'journal.sqlite'}"
    async with served(bundle=models / "v1", models=models, journal=journal) as http:
        await http.put("/v1/sessions/meter", json=HISTORY)
        await observe(http, VALUES[40:41])
        await http.post("/v1/models/v2/deploy")
        told = await until(http, "")
        assert told["current"]["version"] == "v2"
        assert_answered_by(successor, VALUES[:42], await observe(http, VALUES[41:42]))
    for given in ({"bundle": models}, {"models": models}, {"bundle": models / "v1", "models": models}):
        named = str(models / "v1") if len(given) == 2 else None  # the log says that it is another one
        assert Chosen.of(Settings.read(**given)).instead_of == named
        async with served(journal=journal, **given) as http:
            assert (await http.get("/v1/models")).json()["current"]["version"] == "v2"


async def test_a_model_whose_holidays_go_on_ends_the_alarm_of_one_whose_holidays_are_over(models: Path) -> None:
    manifest = json.loads((models / "v1" / MANIFEST).read_text())
    days = {"holidays": ["DE"], "holidays_until": "2014-06-30"}
    write_manifest(models / "v1", json.dumps({**manifest, **days}))

    async def told(http: httpx.AsyncClient) -> tuple[bool, bool]:
        passed: bool = (await http.get("/v1/models")).json()["current"]["holidays_passed"]
        return passed, "gatecast_holidays_passed 1.0" in (await http.get("/metrics")).text

    async with served(bundle=models / "v1", models=models) as http:
        assert await told(http) == (False, False)
        await http.post("/v1/predict", json={"series": [{"unique_id": "a", **HISTORY["history"]}]})
        assert await told(http) == (True, True)
        await http.post("/v1/models/v2/deploy")
        await until(http, "")
        assert await told(http) == (False, False)


async def test_what_cannot_be_deployed_is_refused_by_name(models: Path, bundle: Bundle, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(bundle.path, outside)
    (models / "linked").symlink_to(outside)
    shutil.copytree(models / "v2", models / "broken")
    (models / "broken" / "step.onnx").write_bytes(b"")
    shutil.copytree(models / "v2", models / "partly")
    (models / "partly" / "step.onnx").unlink()
    (models / "partly" / "step.onnx").symlink_to(outside / "step.onnx")
    async with served(bundle=models / "v1", models=models) as http:
        for version, status, code in (
            ("v1", 409, "already_served"),
            ("nobody", 404, "unknown_version"),
            ("..", 404, "unknown_version"),
            ("..%2Foutside", 404, "unknown_version"),
            ("linked", 409, "unsafe_version"),
            ("partly", 409, "unsafe_version"),
            ("broken", 409, "broken_version"),
        ):
            answer = await http.post(f"/v1/models/{version}/deploy")
            if version.startswith(".."):  # a client or a router may take it for a path of its own
                assert answer.status_code == 404
                continue
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        for request, code in (
            (http.post("/v1/models/v2/promote"), "no_candidate"),
            (http.delete("/v1/models/candidate"), "no_candidate"),
            (http.post("/v1/models/rollback"), "no_rollback"),
        ):
            answer = await request
            assert (answer.status_code, answer.json()["code"]) == (409, code)
        wrong = await http.post("/v1/models/v2/deploy?shadwo=true")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_type")


async def test_one_candidate_at_a_time_and_it_can_be_given_up(models: Path) -> None:
    shutil.copytree(models / "v2", models / "v3")
    async with served(bundle=models / "v1", models=models) as http:
        await http.post("/v1/models/v2/deploy?shadow=true")
        second = await http.post("/v1/models/v3/deploy")
        assert (second.status_code, second.json()["code"]) == (409, "deploy_under_way")
        await until(http, "ready")
        assert (await http.delete("/v1/models/candidate")).json()["candidate"] is None
        await http.post("/v1/models/v3/deploy?shadow=true")
        assert (await until(http, "ready"))["candidate"]["version"] == "v3"


async def test_without_a_directory_of_models_nothing_is_deployed(models: Path) -> None:
    async with served(bundle=models / "v1") as http:
        assert (await http.get("/v1/models")).json()["versions"] == []
        answer = await http.post("/v1/models/v2/deploy")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_models")


async def test_torchscript_is_code_and_run_from_a_trusted_directory_alone(models: Path) -> None:
    async with served(bundle=models / "v1", runtime="torchscript") as http:
        assert (await http.get("/live")).status_code == 200
    async with served(bundle=models / "v1", models=models, runtime="torchscript", trust_models=True) as http:
        await http.post("/v1/models/v2/deploy?shadow=true")
        await until(http, "ready")
    with pytest.raises(Exception, match="TorchScript is code"):
        async with served(bundle=models / "v1", models=models, runtime="torchscript"):
            pass


@pytest.mark.parametrize(("runtime", "said"), [("torchscript", 1), ("onnx", 0)])
async def test_a_bundle_that_is_named_is_trusted_by_that_and_the_log_says_so(
    models: Path, runtime: str, said: int
) -> None:
    log = io.StringIO()
    settings = Settings(bundle=models / "v1", journal="memory", runtime=runtime)
    service = open_service(settings, open_log("info", "json", log))
    assert log.getvalue().count("TorchScript is code") == said
    await service.edge.engine.drain()


async def test_where_none_was_promoted_and_there_is_a_choice_it_must_be_made(models: Path, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="has 2 versions"):
        async with served(models=models):
            pass
    shutil.rmtree(models / "v2")
    async with served(models=models) as http:
        assert (await http.get("/v1/models")).json()["current"] == {
            "version": "v1", "name": "format-1", "digest": bundle.digest,
            "holidays_until": None, "holidays_passed": False,
        }  # fmt: skip
    (models / "current.json").write_text("v1")
    with pytest.raises(BundleError, match="does not say which version serves"):
        async with served(models=models):
            pass
