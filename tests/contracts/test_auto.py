"""Which runtime serves a bundle when none is asked for, and what is said where it is not our own compiled step."""

from __future__ import annotations

import io
import re

import pytest

from export.step_weights import beyond_the_kernel
from models.registry import build
from service.app import open_service
from service.bundle import Bundle
from service.errors import RuntimeUnavailable
from service.logs import open_log
from service.runtimes import open_runtime
from service.runtimes.native import why_not
from service.settings import Settings
from tests.conftest import small_config
from tests.contracts.compiled import BUILT, COMPILER


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"architecture": "lstm"}, "architecture lstm"),
        ({"scaling": "min-max"}, "scaling min-max"),
        ({"normalisation": "layer"}, "normalisation layer"),
        ({"covariates": ("a",), "future": ("a",)}, "known ahead"),
        ({}, None),
        ({"normalisation": "layer", "layers": 1}, None),
        ({"missing": "forward", "covariates": ("a",), "static": ("s",), "offset": 2.0}, None),
    ],
)
def test_what_the_kernel_does_not_know_is_left_to_the_graphs_by_name(changes: dict[str, object], what: str) -> None:
    found = beyond_the_kernel(build(small_config(**changes)))
    assert found is None if what is None else found is not None and what in found


def test_the_kernel_is_built_wherever_there_is_a_c_compiler() -> None:
    """Only without one may the tests of the kernel be left out (conftest.py). `make` builds it."""
    assert BUILT or COMPILER is None


def test_without_a_compiler_auto_is_onnx_and_native_says_what_is_missing(bundle: Bundle) -> None:
    assert "install a C compiler" in str(why_not(bundle, kernel=None))
    assert open_runtime("auto", bundle).name == ("native" if BUILT else "onnx")


def test_without_its_weights_auto_is_onnx_and_native_says_why(knowing: Bundle) -> None:
    assert open_runtime("auto", knowing).name == "onnx"
    with pytest.raises(RuntimeUnavailable, match=r"(no step\.safetensors|not compiled).*--runtime onnx"):
        open_runtime("native", knowing)
    with pytest.raises(RuntimeUnavailable, match=r"CPU, not on 'cuda'"):
        open_runtime("native", knowing, device="cuda")


def test_a_service_of_a_bundle_that_only_graphs_describe_runs_them_and_logs_why(knowing: Bundle) -> None:
    log = io.StringIO()
    service = open_service(Settings(bundle=knowing.path, journal="memory"), open_log("info", "json", log))
    assert service.edge.runtime.name == "onnx"
    assert re.search(r'"runtime": "onnx".*"not_native": "[^"]*(step\.safetensors|C compiler)', log.getvalue())
