"""The graphs as ONNX, batch and time symbolic in the file."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from export.graphs import Graphs, example
from models.forecaster import Forecaster
from service.bundle import SEQUENCE_ONNX, STEP_ONNX
from service.errors import BundleError

OUTPUTS = {"sequence": ["quantiles", "next_state"], "step": ["quantiles", "next_state", "gates"]}


class _Sequence(nn.Module):
    def __init__(self, graphs: Graphs) -> None:
        super().__init__()
        self.graphs = graphs

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.graphs.sequence(*inputs)


class _Step(_Sequence):
    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.graphs.step(*inputs)


def write_onnx(model: Forecaster, folder: Path) -> None:
    """Writes `sequence.onnx` and, where the model streams, `step.onnx` into `folder`."""
    graphs = Graphs(model).eval()
    for name, given in example(model).items():
        graph, file = (_Sequence(graphs), SEQUENCE_ONNX) if name == "sequence" else (_Step(graphs), STEP_ONNX)
        _write(graph, given, OUTPUTS[name], folder / file)


def _write(graph: nn.Module, given: dict[str, Tensor], outputs: list[str], path: Path) -> None:
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    timed = {"values", "times"} if "lengths" in given else set()
    dynamic = tuple({0: batch, 1: time} if name in timed else {0: batch} for name in given)
    _forget_dispatch()
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)  # it reports that torchvision, which is not used, is not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own internals; what it wrote is verified
            program = torch.onnx.export(
                graph.eval(),
                tuple(given.values()),
                dynamo=True,
                dynamic_shapes=(dynamic,),
                input_names=list(given),
                output_names=outputs,
                verbose=False,
            )
    finally:
        registration.setLevel(level)
    assert program is not None
    _require_free_sizes(program, {name: 2 if name in timed else 1 for name in given}, path.name)
    _forget_shapes(program)
    program.save(str(path), external_data=False)


def _forget_shapes(program: torch.onnx.ONNXProgram) -> None:
    """Leaves the shapes of what lies between inputs and outputs to whoever runs the graph.

    The exporter writes the example's length as that of a recurrent layer's output. The graph computes rightly at any
    length, but a memory plan made from a wrong shape gives two values one buffer.
    """
    outputs = set(program.model.graph.outputs)
    for node in program.model.graph:
        for value in node.outputs:
            if value not in outputs:
                value.shape = None


def _forget_dispatch() -> None:
    """Lets the exporter's own kernels for recurrent layers be found again.

    It swaps them in and out without clearing the operators' dispatch cache. An export that was not the first of its
    process may then unroll a layer over the example's length, and freezes time at it.
    """
    for operator in (torch.ops.aten.gru.input, torch.ops.aten.lstm.input):
        operator._dispatch_cache.clear()


def _require_free_sizes(program: torch.onnx.ONNXProgram, free: dict[str, int], file: str) -> None:
    """BundleError unless the first `free` sizes of each input are symbolic: the exporter freezes one without a word."""
    for value in program.model.graph.inputs:
        shape = value.shape
        assert value.name is not None
        assert shape is not None
        for size in tuple(shape)[: free[value.name]]:
            if isinstance(size, int):
                raise BundleError(
                    f"{file}: the size {size} of the input {value.name!r} was expected to be free and is fixed to the "
                    "example's: look in the model for a loop over it, or a number made of it"
                )
