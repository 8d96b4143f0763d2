"""What every architecture in the registry promises of its graph: ONNX computes what torch does, at any size.

The recurrent parts alone, since an export of everything costs 20 seconds of a processor. What surrounds them is one
graph, which test_verify.py, test_whole_histories.py and test_from_table_to_forecast.py export. `make exports` holds
whole bundles of all architectures against every runtime.
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

# An ensemble is several of the others; of a gru, and of one beside a bi-gru, other tests export the whole.
BODIES = [name for name in sorted(ARCHITECTURES) if name not in ("ensemble", "gru", "bi-gru")]
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


class Frozen(nn.Module):
    """Loops over time in Python, and so over the example's length."""

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        values, lengths, state = given
        for step in range(values.size(1)):
            state = 0.5 * state + values[:, step, :1]
        return state, lengths


def inputs_of(model: RecurrentForecaster, time: int, rows: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(time)
    lengths = torch.tensor([time, (time + 1) // 2, 1, 0])[:rows]
    state = resting(model, rows) + 0.1 * torch.rand(rows, 1) * (resting(model, rows) == 0)
    for name in ("phase", "filled"):
        slots = [slot for slot in model.layout if slot.name == name]
        for slot in slots:
            state[:, slot.start : slot.stop] = 2.0
    return {"values": torch.randn(rows, time, model.features.size), "lengths": lengths, "state": state}


def leave_as_an_export_before_did() -> None:
    """The exporter swaps the kernel of a recurrent layer, and one of them stays in the operator's dispatch cache."""
    gru = torch.ops.aten.gru.input
    gru._dispatch_cache[torch._C.DispatchKey.AutogradCPU] = gru.py_kernels[torch._C.DispatchKey.Autograd]


@pytest.mark.parametrize("name", BODIES)
def test_a_recurrent_part_in_onnx_is_torchs_at_other_lengths_and_batches(name: str, tmp_path: Path) -> None:
    layered = name in ("multiscale-gru", "residual-gru")
    model = recurrent(name, **(TWO_LAYERS if layered else ONE_LAYER))
    path = tmp_path / "graph.onnx"
    leave_as_an_export_before_did()
    _write(Whole(model), inputs_of(model, 5), ["output", "next_state"], path)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for time in TIMES:
        given = inputs_of(model, time, rows=4)
        with torch.no_grad():
            expected = Whole(model)(*given.values())
        found = session.run(None, {key: value.numpy() for key, value in given.items()})
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["multiscale-gru"])
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
        _write(Frozen(), inputs_of(model, 5), ["output", "lengths_again"], tmp_path / "graph.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [SEQUENCE_ONNX, STEP_ONNX])
def test_no_shape_of_the_example_is_left_between_inputs_and_outputs(bundle: Bundle, name: str) -> None:
    """A wrong one makes the runtime give two values one buffer, at just the lengths where the sizes agree."""
    graph = onnx.load(bundle.path / name).graph
    weights = {tensor.name for tensor in graph.initializer}  # whose shapes are what they are
    between = [value for value in graph.value_info if value.name not in weights]
    assert [value.name for value in between if value.type.tensor_type.HasField("shape")] == []
