"""A bundle is data: whatever stands in its files, none of it is run, and nothing beside it is read."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx.external_data_helper import set_external_data

from service.app import open_service
from service.bundle import GOLDEN, MANIFEST, STEP_ONNX, Bundle, digest_of, write_manifest
from service.errors import BundleError, GatecastError
from service.logs import open_log
from service.settings import Settings


class Payload:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def reseal(bundle: Path, *names: str, **files: Any) -> None:
    """Honest digests over dishonest files: whoever writes a bundle can write those too."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"] |= {name: digest_of(bundle / name).model_dump() for name in names} | files
    write_manifest(bundle, json.dumps(manifest))


def opened_wholly(bundle: Path, runtime: str) -> None:
    """All that anybody reads of it."""
    Bundle.open(bundle).golden()
    settings = Settings(bundle=bundle, journal="memory", runtime=runtime)
    open_service(settings, open_log("error", "json", io.StringIO()))


@pytest.mark.parametrize("name", [GOLDEN, "step.safetensors", STEP_ONNX])
def test_a_pickle_in_the_place_of_a_file_is_refused_and_never_run(bundle_copy: Path, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "run"
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists(), "it would leave a mark"
    mark.unlink()
    (bundle_copy / name).write_bytes(pickle.dumps(Payload(mark)))
    reseal(bundle_copy, name)
    with pytest.raises(GatecastError):
        opened_wholly(bundle_copy, "onnx" if name == STEP_ONNX else "native")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../outside.onnx", "/etc/passwd", "a/../../b", "..\\b", "sub/step.onnx", ".", ".."])
def test_a_manifest_that_lists_a_file_elsewhere_is_refused(bundle_copy: Path, name: str) -> None:
    reseal(bundle_copy, **{name: digest_of(bundle_copy / STEP_ONNX).model_dump()})
    with pytest.raises(BundleError, match=r"stand beside its manifest|is missing"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("where", ["beside", "above", "absolute", "working directory"])
def test_a_graph_that_names_another_file_for_its_weights_is_refused(
    bundle_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    monkeypatch.chdir(outside)
    graph = onnx.load(str(bundle_copy / STEP_ONNX))
    weights = max(graph.graph.initializer, key=lambda each: len(each.raw_data))
    data = weights.raw_data
    for place in (bundle_copy, tmp_path, outside):
        (place / "weights.bin").write_bytes(data)
    location = {"above": "../weights.bin", "absolute": str(outside / "weights.bin")}.get(where, "weights.bin")
    set_external_data(weights, location, 0, len(data))
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    (bundle_copy / STEP_ONNX).write_bytes(graph.SerializeToString())
    if where == "working directory":
        (bundle_copy / "weights.bin").unlink()
    reseal(bundle_copy, STEP_ONNX, *(["weights.bin"] if where == "beside" else []))
    with pytest.raises(GatecastError, match="cannot run"):
        open_service(
            Settings(bundle=bundle_copy, journal="memory", runtime="onnx"),
            open_log("error", "json", io.StringIO()),
        )


def test_a_file_that_leads_elsewhere_counts_by_what_is_in_it(bundle_copy: Path, tmp_path: Path) -> None:
    """Volumes are often made of links. A bundle of a directory of models may hold none that lead out of it."""
    shutil.move(bundle_copy / STEP_ONNX, tmp_path / "elsewhere.onnx")
    (bundle_copy / STEP_ONNX).symlink_to(tmp_path / "elsewhere.onnx")
    Bundle.open(bundle_copy)
    with (tmp_path / "elsewhere.onnx").open("ab") as file:
        file.write(b" ")
    with pytest.raises(BundleError, match="bytes, its manifest says"):
        Bundle.open(bundle_copy)
