"""Both graphs as ONNX, batch and time symbolic in the file."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from models.forecaster import Forecaster
from service.bundle import SEQUENCE_ONNX, STEP_ONNX

EXAMPLE_BATCH, EXAMPLE_TIME = 3, 5  # not 1: a dimension of one is taken for a constant


class _Sequence(nn.Module):
    def __init__(self, model: Forecaster) -> None:
        super().__init__()
        self.model = model

    def forward(self, values: Tensor, times: Tensor, lengths: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.sequence(values, times, lengths, state)


class _Step(nn.Module):
    def __init__(self, model: Forecaster) -> None:
        super().__init__()
        self.model = model

    def forward(self, values: Tensor, times: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.model.step(values, times, state)


def example(model: Forecaster) -> dict[str, Tensor]:
    """Inputs to trace with: sizes above one, a row that ends early, a missing reading."""
    values = torch.linspace(-1.0, 1.0, EXAMPLE_BATCH * EXAMPLE_TIME * model.width, dtype=torch.float64)
    values = values.reshape(EXAMPLE_BATCH, EXAMPLE_TIME, model.width)
    values[0, 1, 0] = float("nan")
    return {
        "values": values,
        "times": torch.arange(EXAMPLE_TIME).repeat(EXAMPLE_BATCH, 1) * 3600,
        "lengths": torch.tensor([EXAMPLE_TIME, 3, 2]),
        "state": model.initial().repeat(EXAMPLE_BATCH, 1),
    }


def write_onnx(model: Forecaster, folder: Path) -> None:
    """Writes `sequence.onnx` and `step.onnx` into `folder`."""
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    given = example(model)
    _write(
        _Sequence(model),
        (given["values"], given["times"], given["lengths"], given["state"]),
        ({0: batch, 1: time}, {0: batch, 1: time}, {0: batch}, {0: batch}),
        ["values", "times", "lengths", "state"],
        ["quantiles", "next_state"],
        folder / SEQUENCE_ONNX,
    )
    _write(
        _Step(model),
        (given["values"][:, 0], given["times"][:, 0], given["state"]),
        ({0: batch}, {0: batch}, {0: batch}),
        ["values", "times", "state"],
        ["quantiles", "next_state", "gates"],
        folder / STEP_ONNX,
    )


def _write(
    graph: nn.Module,
    arguments: tuple[Tensor, ...],
    dynamic: tuple[dict[int, object], ...],
    inputs: list[str],
    outputs: list[str],
    path: Path,
) -> None:
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)  # it reports that torchvision, which is not used, is not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own internals; what it wrote is verified
            program = torch.onnx.export(
                graph.eval(),
                arguments,
                dynamo=True,
                dynamic_shapes=dynamic,
                input_names=inputs,
                output_names=outputs,
                verbose=False,
            )
    finally:
        registration.setLevel(level)
    assert program is not None
    program.save(str(path), external_data=False)
