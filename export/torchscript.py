"""Both methods as TorchScript, traced; no device and no size of the example stays in the graph."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch.jit._trace import TracerWarning

from export.onnx import example
from models.forecaster import Forecaster
from service.bundle import TORCHSCRIPT


def write_torchscript(model: Forecaster, folder: Path) -> None:
    """Writes `model.ts` with the methods `sequence` and `step` into `folder`."""
    given = example(model)
    methods = {
        "sequence": (given["values"], given["times"], given["lengths"], given["state"]),
        "step": (given["values"][:, 0], given["times"][:, 0], given["state"]),
    }
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
        # nn.GRU compares its input's width with its own, which no batch or length changes
        warnings.filterwarnings("ignore", category=TracerWarning, module=r"torch\.nn\.modules\.rnn")
        traced = torch.jit.trace_module(model.eval(), methods, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(folder / TORCHSCRIPT))
