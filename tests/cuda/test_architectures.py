"""On a machine with a CUDA device: every net computes there what it computes on the CPU, and learns there."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from models.forecaster import Forecaster
from models.registry import build
from models.stacks import StacksForecaster
from models.training.trainer import prepare
from service.runtimes.torch_script import in_full_precision
from tests.conftest import small_config, taught
from tests.models.panels import SEASON, SETTINGS, small_panel
from tests.models.series import drawn, fresh, rows
from tests.nets import NETS

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series + |b|)
DEVIATION = 7.0
LENGTHS = torch.tensor([90, 41, 1])


@pytest.fixture(params=NETS)
def model(request: pytest.FixtureRequest) -> Forecaster:
    torch.manual_seed(0)
    return taught(build(small_config(**NETS[request.param])), steps=10)


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert found.device.type == "cuda"
    assert torch.all((found.cpu() - expected).abs() <= TOLERANCE * (DEVIATION + expected.abs()))


@torch.no_grad()
def test_a_history_is_forecast_there_as_here(model: Forecaster) -> None:
    in_full_precision()
    values, times = rows(90)
    there = deepcopy(model).cuda()
    expected, _ = model.sequence(values, times, LENGTHS, fresh(model))
    found, _ = there.sequence(values.cuda(), times.cuda(), LENGTHS.cuda(), fresh(there))
    assert_close(found, expected)


@torch.no_grad()
def test_a_stream_is_forecast_there_as_here(model: Forecaster) -> None:
    if not model.streams:
        assert model.longest_history
        return
    in_full_precision()
    values, times = rows(90)
    there = deepcopy(model).cuda()
    here, state = fresh(model), fresh(there)
    for at in range(90):
        expected, here, _ = model.step(values[:, at], times[:, at], here)
        found, state, _ = there.step(values[:, at].cuda(), times[:, at].cuda(), state)
    assert_close(found, expected)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NETS)
def test_every_net_learns_there_in_lower_precision(name: str, precision: str) -> None:
    found = {}
    for device, chosen in (("cpu", "float32"), ("cuda", precision)):
        settings = replace(SETTINGS, precision=chosen, steps=6)
        training = prepare(small_panel(), small_config(**NETS[name]), settings, SEASON, device)
        losses: list[float] = []
        training.run(lambda record, kept=losses: kept.append(record.loss), lambda _: None)
        found[device] = losses
    assert found["cuda"] == pytest.approx(found["cpu"], rel=0.04)


@torch.no_grad()
def test_blocks_on_two_devices_compute_what_they_did() -> None:
    in_full_precision()
    stacks = drawn("stacks", stacks=(2, 2))
    assert isinstance(stacks, StacksForecaster)
    values, times = rows(30)
    lengths = torch.tensor([30, 11, 1])
    expected = stacks.sequence(values, times, lengths, fresh(stacks))
    stacks.place(["cpu", "cuda"])
    assert {each.device.type for each in stacks.blocks[1].parameters()} == {"cuda"}
    found = stacks.sequence(values, times, lengths, fresh(stacks))
    assert torch.all((found[0] - expected[0]).abs() <= TOLERANCE * (DEVIATION + expected[0].abs()))
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-4, equal_nan=True)


def test_blocks_on_two_devices_learn() -> None:
    stacks = drawn("stacks", stacks=(2, 2))
    assert isinstance(stacks, StacksForecaster)
    stacks.place(["cuda", "cpu"])
    values, times = rows(30)
    fork = stacks.train().fork(values, times, torch.tensor([30, 11, 1]), fresh(stacks))
    fork.quantiles.square().mean().backward()
    for block in stacks.blocks:
        for each in block.parameters():
            assert each.grad is not None
            assert each.grad.device == each.device
            assert torch.all(torch.isfinite(each.grad))
