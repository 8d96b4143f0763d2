"""An export is proved, and what is wrong with a bundle is found: by digest or by its answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, numpy_helper

from export.golden import Stretch
from export.verify import Verification
from export.writer import Description, write_bundle
from models.forecaster import Forecaster
from models.registry import build
from service.bundle import MANIFEST, SEAL, SEQUENCE_ONNX, STEP_ONNX, Bundle, digest_of, files_of, write_manifest
from service.errors import BundleError
from service.runtimes import open_runtime
from tests.conftest import START, daily_wave, small_config, taught
from tests.contracts.compiled import real_runtimes_here


@pytest.fixture(scope="module")
def relative_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose forecaster learned readings of a hundredfold range under a logarithm; one of them is zero."""
    torch.manual_seed(0)
    model = taught(build(small_config(offset=5.0)))
    readings = [10 * np.exp((daily_wave(1_100, seed=row) - 50) / 6) for row in range(2)]
    readings[0][700] = 0.0
    stretches = [Stretch(START, values[:, None]) for values in readings]
    description = Description("relative", "y", None, {"mase": 0.5}, {"steps": 30})
    return write_bundle(model, description, stretches, tmp_path_factory.mktemp("bundles") / "relative.bundle")


@pytest.fixture(scope="module")
def still_bundle(forecaster: Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle proved on meters that stand still for longer than a window, again and again; one starts far off."""
    readings = [20 + np.random.default_rng(row).normal(size=1_600) for row in range(2)]
    for values in readings:
        for start in range(85, 1_600, 170):
            values[start : start + 40] = values[start - 1]
    readings[1][0] = 1e4
    stretches = [Stretch(START, values[:, None]) for values in readings]
    description = Description("still", "y", None, {"mase": 0.5}, {"steps": 30})
    return write_bundle(forecaster, description, stretches, tmp_path_factory.mktemp("bundles") / "still.bundle")


@pytest.mark.parametrize("runtime", real_runtimes_here())
def test_a_bundle_of_meters_that_stand_still_passes_every_check(still_bundle: Bundle, runtime: str) -> None:
    checks = list(Verification(still_bundle).run(open_runtime(runtime, still_bundle)))
    assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_what_has_read_nothing_is_held_to_a_scale_of_its_own(
    forecaster: Forecaster, tmp_path: Path, size: float
) -> None:
    stretches = [Stretch(START, size * daily_wave(1_100, seed=row)[:, None]) for row in range(2)]
    bundle = write_bundle(forecaster, Description("sized", "y", None, {}, {}), stretches, tmp_path / "sized.bundle")
    runtime = open_runtime("onnx", bundle)
    for off, passed in ((0.0, True), (5e-6, True), (1e-3, False)):
        verification = Verification(bundle)
        unread = verification.golden["whole.quantiles"][verification.golden["whole.lengths"] == 0]
        verification.golden["whole.quantiles"][verification.golden["whole.lengths"] == 0] += off * unread.std()
        assert all(check.passed for check in verification.run(runtime)) == passed, off


@pytest.mark.parametrize("runtime", real_runtimes_here())
def test_every_runtime_passes_every_check_on_a_fresh_bundle(bundle: Bundle, runtime: str) -> None:
    checks = list(Verification(bundle).run(open_runtime(runtime, bundle)))
    assert len(checks) == 9
    assert [check for check in checks if not check.passed] == []


def test_the_graphs_keep_batch_and_time_symbolic_in_the_file(bundle: Bundle) -> None:
    graph = onnx.load(bundle.path / SEQUENCE_ONNX).graph
    shapes = {entry.name: [dim.dim_param for dim in entry.type.tensor_type.shape.dim] for entry in graph.input}
    assert shapes["values"][:2] == ["batch", "time"]
    assert shapes["lengths"] == ["batch"]
    assert "GRU" in {node.op_type for node in graph.node}


def tamper(path: Path, name: str, change: Callable[[ModelProto], None]) -> Bundle:
    """Changes a graph and mends its digest, as an honest exporter with a defect would."""
    model = onnx.load(path / name)
    change(model)
    (path / name).write_bytes(model.SerializeToString())
    text = json.loads((path / MANIFEST).read_text())
    text["files"][name] = digest_of(path / name).model_dump()
    write_manifest(path, json.dumps(text))
    return Bundle.open(path)


def failures(bundle: Bundle) -> list[str]:
    return [check.name for check in Verification(bundle).run(open_runtime("onnx", bundle)) if not check.passed]


def recurrent_weights(model: ModelProto) -> list[onnx.TensorProto]:
    """Initialisers of 3 x 8 gate rows by 8 hidden units, the recurrent weights of either graph."""
    found = [tensor for tensor in model.graph.initializer if sorted(d for d in tensor.dims if d > 1) == [8, 24]]
    assert found, [list(tensor.dims) for tensor in model.graph.initializer]
    return found


def edit(tensor: onnx.TensorProto, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))


@pytest.mark.parametrize("name", [SEQUENCE_ONNX, STEP_ONNX])
def test_one_flipped_weight_is_caught(bundle_copy: Path, name: str) -> None:
    def flip(array: np.ndarray) -> np.ndarray:
        array.flat[5] = -array.flat[5]
        return array

    damaged = tamper(bundle_copy, name, lambda model: edit(recurrent_weights(model)[0], flip))
    assert failures(damaged) != []


@pytest.mark.parametrize("name", [SEQUENCE_ONNX, STEP_ONNX])
def test_swapped_gates_are_caught(bundle_copy: Path, name: str) -> None:
    def swap(array: np.ndarray) -> np.ndarray:
        axis = list(array.shape).index(24)
        order = np.r_[8:16, 0:8, 16:24]
        return np.take(array, order, axis=axis)

    damaged = tamper(bundle_copy, name, lambda model: edit(recurrent_weights(model)[0], swap))
    assert failures(damaged) != []


def test_a_stale_lag_is_caught(bundle_copy: Path) -> None:
    def stale(model: ModelProto) -> None:
        """The lag is read one step too early: 4 steps before the next one is place window + 1 - 4."""
        (places,) = [tensor for tensor in model.graph.initializer if tensor.name.endswith("features.places")]
        edit(places, lambda array: np.where(array == 24 + 1 - 4, array - 1, array))

    damaged = tamper(bundle_copy, STEP_ONNX, stale)
    assert "a chain of 1000 steps" in failures(damaged)


@pytest.mark.parametrize("name", files_of(True))
def test_a_changed_byte_is_refused_by_digest(bundle_copy: Path, name: str) -> None:
    data = bytearray((bundle_copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle_copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{name}.*does not match its digest"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("name", files_of(True))
def test_a_truncated_or_missing_file_is_refused_by_name(bundle_copy: Path, name: str) -> None:
    data = (bundle_copy / name).read_bytes()
    (bundle_copy / name).write_bytes(data[:-10])
    with pytest.raises(BundleError, match=rf"{name}.*cut short"):
        Bundle.open(bundle_copy)
    (bundle_copy / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}.*missing"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize(
    ("name", "value"),
    [("horizon", 7), ("frequency", "1d"), ("frequency", "soon"), ("quantiles", [0.5]), ("covariates", ["wind"])],
)
def test_a_manifest_that_says_other_than_the_answers_is_caught(bundle_copy: Path, name: str, value: object) -> None:
    text = json.loads((bundle_copy / MANIFEST).read_text())
    assert text[name] != value
    text[name] = value
    write_manifest(bundle_copy, json.dumps(text))
    assert "what the manifest says" in failures(Bundle.open(bundle_copy))


def test_a_manifest_of_another_format_is_refused_with_what_to_do(bundle_copy: Path) -> None:
    text = json.loads((bundle_copy / MANIFEST).read_text())
    text["format_version"] = 99
    write_manifest(bundle_copy, json.dumps(text))
    with pytest.raises(BundleError, match=r"format_version.*export the run again"):
        Bundle.open(bundle_copy)
    write_manifest(bundle_copy, "{")
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Bundle.open(bundle_copy)


def test_an_edited_manifest_is_refused_by_its_seal(bundle_copy: Path) -> None:
    edited = (bundle_copy / MANIFEST).read_text().replace('"time_zone": null', '"time_zone": "Mars"')
    (bundle_copy / MANIFEST).write_text(edited)
    with pytest.raises(BundleError, match=r"manifest\.json does not match its digest in manifest\.sha256"):
        Bundle.open(bundle_copy)
    (bundle_copy / SEAL).unlink()
    with pytest.raises(BundleError, match=r"manifest\.sha256 is missing"):
        Bundle.open(bundle_copy)


def test_a_folder_that_is_no_bundle_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="gatecast export"):
        Bundle.open(tmp_path)


@pytest.mark.parametrize("runtime", real_runtimes_here())
def test_a_forecaster_under_a_logarithm_passes_every_check_too(relative_bundle: Bundle, runtime: str) -> None:
    checks = list(Verification(relative_bundle).run(open_runtime(runtime, relative_bundle)))
    assert [check for check in checks if not check.passed] == []
