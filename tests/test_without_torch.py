"""A machine without torch and polars serves and verifies all the same; only training and exporting need them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.bundle import Bundle
from tests.conftest import daily_wave
from tests.served import Served

# Python imports sitecustomize at its start: here it makes packages unimportable, as if they were not installed.
SITE = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        absent = {ABSENT}
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Absent())
"""
TRAINING = {"torch", "onnx", "onnxscript", "optuna"}
ABSENT = TRAINING | {"polars", "matplotlib", "gatecast_client", "grpc", "google", "tritonclient"}


@pytest.fixture
def without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return without(ABSENT, tmp_path, monkeypatch)


def without(absent: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which these packages are not installed."""
    (tmp_path / "sitecustomize.py").write_text(SITE.replace("{ABSENT}", repr(absent)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return dict(os.environ)


def gatecast(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "commands.main", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
        check=False,
    )


def test_torch_really_is_absent_there(without_torch: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import torch"], env=without_torch, capture_output=True, text=True, check=False
    )
    assert "No module named 'torch'" in done.stderr


def test_the_service_answers_without_torch(without_torch: dict[str, str], bundle: Bundle) -> None:  # noqa: ARG001
    served = Served(bundle.path, "memory")
    served.start()
    try:
        body = {"series": [{"unique_id": "a", "start": "2014-07-01T00:00:00", "y": [50.0, 51.0, None, 49.0]}]}
        answer = httpx.post(f"{served.url}/v1/predict", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["series"][0]["median"]) == bundle.manifest.horizon
    finally:
        status, output = served.end()
    assert status == 0, output


def test_verify_proves_the_onnx_graphs_and_says_that_torchscript_was_not_run(
    without_torch: dict[str, str], bundle: Bundle
) -> None:
    done = gatecast(without_torch, "verify", str(bundle.path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "torch is not installed here" in done.stdout
    assert "a chain of 1000 steps" in done.stdout


def test_the_torch_runtime_is_refused_with_what_to_do(without_torch: dict[str, str], bundle: Bundle) -> None:
    done = gatecast(without_torch, "serve", str(bundle.path), "--runtime", "torchscript", "--journal", "memory")
    assert done.returncode == 1
    assert "needs the package 'torch'" in done.stderr
    assert "--runtime onnx" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_every_subcommand_can_still_tell_of_itself(without_torch: dict[str, str]) -> None:
    assert gatecast(without_torch, "--help").returncode == 0
    done = gatecast(without_torch, "train", "--help")
    assert done.returncode == 0, done.stderr
    assert "--horizon" in done.stdout


def test_gates_are_shown_without_torch(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = without(TRAINING | {"models", "export"}, tmp_path, monkeypatch)
    hours = np.datetime64("2014-07-01T00:00:00") + np.arange(60).astype("timedelta64[h]")
    rows = [f"{hour},{value:.3f}" for hour, value in zip(hours, daily_wave(60), strict=True)]
    (tmp_path / "meter.csv").write_text("\n".join(["ds,y", *rows]) + "\n")
    done = gatecast(environment, "gates", str(bundle.path), str(tmp_path / "meter.csv"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["gates.html", "gates.png"]


def test_gates_without_matplotlib_say_what_to_install(without_torch: dict[str, str], bundle: Bundle) -> None:
    done = gatecast(without_torch, "gates", str(bundle.path), "meter.csv", "--out", "nowhere")
    assert done.returncode == 1
    assert "pip install matplotlib polars" in done.stderr
    assert "the extra train" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
