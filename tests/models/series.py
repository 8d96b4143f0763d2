"""Small forecasters with weights drawn at random, and rows of readings for them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.forecaster import Forecaster
from models.recurrent import RecurrentForecaster
from models.registry import build
from tests.conftest import HOUR, START, daily_wave, small_config


def drawn(architecture: str, **changes: object) -> Forecaster:
    """In evaluation, every weight moved from where it starts, so that none is zero by design."""
    torch.manual_seed(3)
    model = build(small_config(architecture=architecture, **changes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def recurrent(architecture: str, **changes: object) -> RecurrentForecaster:
    model = drawn(architecture, **changes)
    assert isinstance(model, RecurrentForecaster)
    return model


def rows(length: int, batch: int = 3, missing: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Values (batch, length, 1), NaN where missing, and times (batch, length)."""
    random = np.random.default_rng(seed)
    values = np.stack([daily_wave(length, seed=seed + row) for row in range(batch)])[:, :, None]
    values[random.random(values.shape) < missing] = np.nan
    return torch.from_numpy(values), torch.from_numpy(START + HOUR * np.tile(np.arange(length), (batch, 1)))


def fresh(model: Forecaster, batch: int = 3) -> Tensor:
    return model.initial().detach().repeat(batch, 1)


def resting(model: RecurrentForecaster, batch: int = 3) -> Tensor:
    return model.rest().detach().repeat(batch, 1)


def part(model: Forecaster, state: Tensor, name: str) -> Tensor:
    """The slice of that name, (batch, size)."""
    (found,) = [each for each in model.layout if each.name == name]
    return state[:, found.start : found.stop]


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
