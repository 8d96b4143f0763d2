"""A model of another day: the bundle of a past format, and one like it whose weights are others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
from onnx import numpy_helper

from service.bundle import SEQUENCE_ONNX, STEP_ONNX, Bundle, digest_of, write_manifest

FIRST = Path(__file__).parent / "fixtures" / "format-1.bundle"


def write_models(folder: Path) -> tuple[Bundle, Bundle]:
    """A directory of models with the versions v1 and v2, which answer differently; for ONNX Runtime."""
    shutil.copytree(FIRST, folder / "v1")
    shutil.copytree(FIRST, folder / "v2")
    _change(folder / "v2")
    return Bundle.open(folder / "v1"), Bundle.open(folder / "v2")


def _change(path: Path) -> None:
    """Halves what the cells weigh, in both graphs alike: their layouts differ, and a factor does not care."""
    manifest = json.loads((path / "manifest.json").read_text())
    for name in (SEQUENCE_ONNX, STEP_ONNX):
        model = onnx.load(path / name)
        cells = {each for node in model.graph.node if node.op_type == "GRU" for each in node.input[1:4]}
        changed = 0
        for tensor in model.graph.initializer:
            if tensor.name in cells or tensor.name.startswith("model.layers."):
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 0.5, tensor.name))
                changed += 1
        assert changed >= 6, "the cells were not found"
        onnx.save(model, path / name)
        manifest["files"][name] = digest_of(path / name).model_dump()
    manifest["name"] = "successor"
    write_manifest(path, json.dumps(manifest))
