"""A bundle's own step is proved by its golden answers like every graph, and served under its name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save
from typer.testing import CliRunner

from commands.main import app
from export.verify import Verification
from service.app import open_service
from service.bundle import MANIFEST, STEP_WEIGHTS, Bundle, digest_of, write_manifest
from service.logs import open_log
from service.runtimes import open_runtime
from service.settings import Settings


@pytest.mark.parametrize("name", ["layer.0.weight_hh", "layer.1.bias_ih", "mix.weight", "correction.bias", "angular"])
def test_one_wrong_weight_of_the_kernel_is_caught_by_the_golden_answers(bundle_copy: Path, name: str) -> None:
    tensors = {key: tensor.copy() for key, tensor in load_file(bundle_copy / STEP_WEIGHTS).items()}
    tensors[name].flat[3] += 0.5
    (bundle_copy / STEP_WEIGHTS).write_bytes(save(tensors))
    text = json.loads((bundle_copy / MANIFEST).read_text())
    text["files"][STEP_WEIGHTS] = digest_of(bundle_copy / STEP_WEIGHTS).model_dump()
    write_manifest(bundle_copy, json.dumps(text))
    damaged = Bundle.open(bundle_copy)
    found = {kind: list(Verification(damaged).run(open_runtime(kind, damaged))) for kind in ("native", "onnx")}
    assert "a chain of 1000 steps" in [check.name for check in found["native"] if not check.passed]
    assert [check for check in found["onnx"] if not check.passed] == []
    assert CliRunner().invoke(app, ["verify", str(bundle_copy)]).exit_code == 1


def test_a_service_of_a_bundle_that_it_knows_runs_natively_and_says_so(bundle: Bundle) -> None:
    log = io.StringIO()
    service = open_service(Settings(bundle=bundle.path, journal="memory"), open_log("info", "json", log))
    assert service.edge.runtime.name == "native"
    assert '"runtime": "native"' in log.getvalue()
