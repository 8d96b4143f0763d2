"""Loading is deploying: a version takes over the sequences that there are, and what cannot be is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.bundle import Bundle
from tests.api.test_models import BEGIN, served
from tests.successors import write_models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A directory of models with the versions v1 and v2."""
    write_models(tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def name(models: Path) -> str:
    return Bundle.open(models / "v1").manifest.name


def asking(version: str) -> dict[str, Any]:
    return {"parameters": {"config": json.dumps({"version_policy": {"specific": {"versions": [version]}}})}}


def reading(y: float, **parameters: Any) -> dict[str, Any]:
    values = {"y": y, "temperature": 1.5}
    inputs = [{"name": name, "datatype": "FP64", "shape": [1, 1], "data": [each]} for name, each in values.items()]
    return {"parameters": {"sequence_id": "meter", **parameters}, "inputs": inputs}


async def test_a_version_that_is_loaded_takes_over_the_sequences_under_the_same_name(models: Path, name: str) -> None:
    async with served(bundle=models / "v1", models=models) as http:
        infer, load = f"/v2/models/{name}/infer", f"/v2/repository/models/{name}/load"
        begun = await http.post(infer, json=reading(50.0, sequence_start=True, ds=BEGIN))
        assert (begun.status_code, begun.json()["model_version"]) == (200, "v1")
        listed = (await http.post("/v2/repository/index", json={})).json()
        states = {(each["name"], each["version"]): each["state"] for each in listed}
        assert states == {
            (name, "v1"): "READY", (name, "v2"): "UNAVAILABLE",
            (f"{name}.predict", "v1"): "READY", (f"{name}.predict", "v2"): "UNAVAILABLE",
        }  # fmt: skip
        assert (await http.post(load, json=asking("v2"))).status_code == 200
        after = (await http.post(infer, json=reading(51.0, step=1))).json()
        assert (after["model_name"], after["model_version"]) == (name, "v2")
        assert (await http.get(f"/v2/models/{name}/versions/v1")).status_code == 404
        ready = (await http.post("/v2/repository/index", json={"ready": True})).json()
        assert {(each["version"], each["state"]) for each in ready} == {("v2", "READY")}


async def test_the_newest_version_is_loaded_unless_one_is_named(models: Path, name: str) -> None:
    async with served(bundle=models / "v1", models=models) as http:
        assert (await http.post(f"/v2/repository/models/{name}/load")).status_code == 200
        assert (await http.get("/v1/models")).json()["current"]["version"] == "v2"
        assert (await http.post(f"/v2/repository/models/{name}/load")).status_code == 200  # as it is


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (asking("v9"), 404, "unknown_version"),
        (asking("v2/../.."), 404, "unknown_version"),
        ({"parameters": {"config": "{"}}, 400, "invalid_inference"),
        ({"parameters": {"config": 3}}, 400, "invalid_inference"),
        ({"parameters": {"config": '{"version_policy": {"specific": {"versions": []}}}'}}, 400, "invalid_inference"),
        ({"parameters": {"file:1/model.onnx": "AAAA"}}, 400, "invalid_inference"),
        ([], 400, "invalid_inference"),
    ],
)
async def test_what_cannot_be_loaded_is_refused(models: Path, name: str, body: Any, status: int, code: str) -> None:
    async with served(bundle=models / "v1", models=models) as http:
        answer = await http.post(f"/v2/repository/models/{name}/load", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert (await http.get("/v1/models")).json()["current"]["version"] == "v1"


async def test_a_version_that_cannot_serve_fails_its_loading(models: Path, name: str) -> None:
    (models / "v2" / "step.onnx").write_bytes(b"broken")
    async with served(bundle=models / "v1", models=models) as http:
        answer = await http.post(f"/v2/repository/models/{name}/load", json=asking("v2"))
        assert answer.status_code >= 400
        assert answer.json()["error"]
        assert (await http.get("/v1/models")).json()["current"]["version"] == "v1"


async def test_the_model_stays(models: Path, name: str) -> None:
    async with served(bundle=models / "v1", models=models) as http:
        answer = await http.post(f"/v2/repository/models/{name}/unload", json={"parameters": {}})
        assert (answer.status_code, answer.json()["code"]) == (409, "model_stays")
