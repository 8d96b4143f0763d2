"""What every architecture in the registry promises of its graph: ONNX computes what torch does, at any size.

The recurrent parts alone: all that surrounds them is one graph, which test_verify.py and test_from_table_to_forecast.py
export whole. `make exports` holds whole bundles of all architectures against every runtime, which takes minutes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from export.onnx import _write
from models.recurrent import RecurrentForecaster
from models.registry import ARCHITECTURES
from service.bundle import SEQUENCE_ONNX, STEP_ONNX, Bundle
from service.errors import BundleError
from tests.models.series import recurrent, resting

BODIES = [name for name in sorted(ARCHITECTURES) if name != "ensemble"]  # that is several of the others
ONE_LAYER = {"layers": 1, "periods": (3,), "stacks": (1, 1), "attended": 4, "normalisation": "batch", "zoneout": 0.2}
TWO_LAYERS = {**ONE_LAYER, "layers": 2, "periods": (1, 3)}  # of those that do something between layers
TIMES = (1, 2, 5, 23)


class Whole(nn.Module):
    def __init__(self, model: RecurrentForecaster) -> None:
        super().__init__()
        self.model = model

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor]:
        after = self.model.recur(*given)
        return self.model.output(after), after


class OneStep(Whole):
    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor]:
        after, _ = self.model.recur_step(*given)
        return self.model.output(after), after


class Frozen(Whole):
    """Loops over time in Python, and so over the example's length."""

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor]:
        features, _, state = given
        for step in range(features.size(1)):
            state, _ = self.model.recur_step(features[:, step], state)
        return self.model.output(state), state


def inputs_of(model: RecurrentForecaster, time: int, rows: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(time)
    lengths = torch.tensor([time, (time + 1) // 2, 1, 0])[:rows]
    state = resting(model, rows) + 0.1 * torch.rand(rows, 1) * (resting(model, rows) == 0)
    for name in ("phase", "filled"):
        slots = [slot for slot in model.layout if slot.name == name]
        for slot in slots:
            state[:, slot.start : slot.stop] = 2.0
    return {"values": torch.randn(rows, time, model.features.size), "lengths": lengths, "state": state}


@pytest.mark.parametrize("name", BODIES)
def test_a_recurrent_part_in_onnx_is_torchs_at_other_lengths_and_batches(name: str, tmp_path: Path) -> None:
    layered = name in ("multiscale-gru", "residual-gru")
    model = recurrent(name, **(TWO_LAYERS if layered else ONE_LAYER))
    path = tmp_path / "graph.onnx"
    _write(Whole(model), inputs_of(model, 5), ["output", "next_state"], path)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for time in TIMES:
        given = inputs_of(model, time, rows=4)
        with torch.no_grad():
            expected = Whole(model)(*given.values())
        found = session.run(None, {key: value.numpy() for key, value in given.items()})
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "multiscale-gru", "gru-transformer"])
def test_a_step_in_onnx_is_torchs_in_other_batches(name: str, tmp_path: Path) -> None:
    model = recurrent(name, **TWO_LAYERS)
    path, given = tmp_path / "step.onnx", inputs_of(model, 1)
    del given["lengths"]
    _write(OneStep(model), {**given, "values": given["values"][:, 0]}, ["output", "next_state"], path)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for rows in (1, 4):
        given = inputs_of(model, 1, rows=rows)
        one = {"values": given["values"][:, 0], "state": given["state"]}
        with torch.no_grad():
            expected = OneStep(model)(*one.values())
        found = session.run(None, {key: value.numpy() for key, value in one.items()})
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-5, atol=1e-5)


def test_a_graph_whose_time_is_frozen_is_refused_and_not_written(tmp_path: Path) -> None:
    model = recurrent("gru", layers=1)
    with pytest.raises(BundleError, match=r"graph\.onnx: the size 5 of the input 'values' was expected to be free"):
        _write(Frozen(model), inputs_of(model, 5), ["output", "next_state"], tmp_path / "graph.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_another_export_left_in_the_process_does_not_freeze_time(tmp_path: Path) -> None:
    """The exporter swaps the kernel of a recurrent layer and leaves it in the operator's dispatch cache."""
    model = recurrent("min-gru", layers=1)
    gru = torch.ops.aten.gru.input
    gru._dispatch_cache[torch._C.DispatchKey.AutogradCPU] = gru.py_kernels[torch._C.DispatchKey.Autograd]
    _write(Whole(model), inputs_of(model, 5), ["output", "next_state"], tmp_path / "graph.onnx")
    shapes = [entry.type.tensor_type.shape.dim for entry in onnx.load(tmp_path / "graph.onnx").graph.input]
    assert [dim.dim_param for dim in shapes[0]][:2] == ["batch", "time"]


@pytest.mark.parametrize("name", [SEQUENCE_ONNX, STEP_ONNX])
def test_no_shape_of_the_example_is_left_between_inputs_and_outputs(bundle: Bundle, name: str) -> None:
    """A wrong one makes the runtime give two values one buffer, at just the lengths where the sizes agree."""
    graph = onnx.load(bundle.path / name).graph
    assert [value.name for value in graph.value_info if value.type.tensor_type.HasField("shape")] == []
