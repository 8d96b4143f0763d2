"""The methods as TorchScript, traced; no device and no size of the example stays in the graph."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch.jit._trace import TracerWarning

from export.graphs import Graphs, example
from models.forecaster import Forecaster
from service.bundle import TORCHSCRIPT
from service.runtimes.torch_script import in_full_precision


def write_torchscript(model: Forecaster, folder: Path) -> None:
    """Writes `model.ts` with the method `sequence` and, where the model streams, `step` into `folder`."""
    methods = {name: tuple(given.values()) for name, given in example(model).items()}
    in_full_precision()  # a traced convolution keeps what it finds
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
        # fused layers compare their input's width with their own, which no batch or length changes
        warnings.filterwarnings("ignore", category=TracerWarning, module=r"torch\.nn\.modules\.rnn")
        traced = torch.jit.trace_module(Graphs(model).eval(), methods, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(folder / TORCHSCRIPT))
