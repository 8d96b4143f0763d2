"""The smallest real bundle with known-future covariates and static features: a few sums as ONNX and TorchScript."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from service.bundle import (
    GOLDEN,
    SEQUENCE_ONNX,
    STEP_ONNX,
    TORCHSCRIPT,
    Bundle,
    StateSlice,
    digest_of,
    files_of,
    write_manifest,
)
from service.runtimes.fake import fake_bundle

NAMES = {"covariates": ("price", "wind", "promotion"), "future": ("price", "promotion"), "static": ("area", "floor")}


class Sums(nn.Module):
    """A state of six numbers; the first sums readings, the second what is static, once for each reading."""

    def forward(self, values: Tensor, lengths: Tensor, state: Tensor, future: Tensor, static: Tensor) -> list[Tensor]:
        constant = (static.nan_to_num() * torch.arange(1, 3)).sum(1, keepdim=True).float()
        live = (torch.ones_like(values[:, :, 0]).cumsum(1) <= lengths[:, None]).double()  # (batch, time)
        total = (values.nan_to_num().sum(2) * live).sum(1, keepdim=True).float()
        moved = lengths[:, None].float() * constant
        after = torch.cat([state[:, :1].nan_to_num() + total, state[:, 1:2] + moved, state[:, 2:]], 1)
        ahead = (future.nan_to_num() * torch.arange(1, 3)).sum(2, keepdim=True)  # (batch, horizon, 1)
        level = (after[:, 0] + after[:, 1])[:, None, None].double()
        return [level + ahead + torch.tensor([-1.0, 0.0, 1.0]).double(), after]


class Sequence(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sums = Sums()

    def forward(self, *given: Tensor) -> list[Tensor]:
        return self.sequence(*given)

    def sequence(
        self, values: Tensor, times: Tensor, lengths: Tensor, state: Tensor, future: Tensor, static: Tensor
    ) -> list[Tensor]:
        quantiles, after = self.sums(values, lengths, state, future, static)
        return [quantiles + 0.0 * times.sum(1)[:, None, None], after]

    def step(self, values: Tensor, times: Tensor, state: Tensor, future: Tensor, static: Tensor) -> list[Tensor]:
        once = torch.ones_like(times)
        quantiles, after = self.sums(values[:, None], once, state, future, static)
        return [quantiles + 0.0 * times[:, None, None], after, static.float() + 0.0 * future.sum().float()]


class Step(Sequence):
    def forward(self, *given: Tensor) -> list[Tensor]:
        return self.step(*given)


def knowing_bundle(folder: Path) -> Bundle:
    """The bundle in `folder`; all that is not about what is known is the fake's."""
    fake = fake_bundle(**NAMES)
    manifest = fake.manifest.model_copy(
        update={"architecture": "sums", "gates": 2, "gate_slices": [StateSlice(name="1.r", start=0, stop=2)]}
    )
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    values, times, state = torch.randn(3, 5, 4).double(), torch.arange(15).reshape(3, 5), torch.zeros(3, 6)
    future, static = torch.randn(3, manifest.horizon, 2).double(), torch.randn(3, 2).double()
    rows = ({0: batch},) * 3
    sequence = (values, times, torch.tensor([5, 3, 0]), state, future, static)
    step = (values[:, 0], times[:, 0], state, future, static)
    wide = ({0: batch, 1: time},) * 2
    names = ["times", "lengths", "state", "future", "static"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own
        _export(Sequence(), sequence, (*wide, {0: batch}, *rows), ["values", *names], folder / SEQUENCE_ONNX)
        names.remove("lengths")
        _export(Step(), step, ({0: batch}, {0: batch}, *rows), ["values", *names], folder / STEP_ONNX)
        traced = torch.jit.trace_module(Sequence(), {"sequence": sequence, "step": step}, check_trace=False)
        torch.jit.save(traced, str(folder / TORCHSCRIPT))
    (folder / GOLDEN).write_bytes(b"")  # nobody asks for its golden answers
    files = {name: digest_of(folder / name) for name in files_of(streams=True)}
    write_manifest(folder, manifest.model_copy(update={"files": files}).model_dump_json())
    return Bundle.open(folder)


def _export(graph: nn.Module, given: tuple[Tensor, ...], dynamic: object, inputs: list[str], path: Path) -> None:
    outputs = ["quantiles", "next_state", "gates"][: 2 if "lengths" in inputs else 3]
    program = torch.onnx.export(
        graph, given, dynamo=True, dynamic_shapes=(dynamic,), input_names=inputs, output_names=outputs, verbose=False
    )
    assert program is not None
    program.save(str(path), external_data=False)
