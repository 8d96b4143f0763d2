"""A made-up ragged batch of any length and padding, and one step of learning from it, to be timed and weighed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from datasets.frequency import Frequency
from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.training.loss import fork_loss
from models.training.windows import Crops

TYPICAL = 0.75  # share of real steps: lengths from half of the longest on


def ragged(config: ForecasterConfig, rows: int, longest: int, full: float = TYPICAL, seed: int = 0) -> Crops:
    """Random walks whose row lengths fall from `longest` such that about a share `full` of all steps is real.

    What is in a reading does not change the time that it takes; so it need not be one's own data.
    """
    random = np.random.default_rng(seed)
    shares = np.linspace(1.0, 1.0 / rows, rows)
    falling = shares ** (1 / full - 1)  # whose mean is about `full`
    lengths = np.maximum(1, np.round(longest * falling)).astype(np.int64)
    values = random.normal(size=(rows, longest, config.width)).cumsum(1)
    values[np.arange(longest)[None, :] >= lengths[:, None]] = np.nan
    grid = Frequency.parse(config.frequency).times(0, np.arange(longest, dtype=np.int64))
    ahead = random.normal(size=(rows, longest + config.horizon - 1, len(config.future)))
    return Crops(
        torch.full((rows, config.window, config.width), float("nan"), dtype=torch.float64),
        torch.from_numpy(values),
        torch.from_numpy(np.tile(grid, (rows, 1))),
        torch.from_numpy(lengths),
        torch.from_numpy(random.normal(size=(rows, longest + config.horizon - 1))),
        torch.ones(rows, dtype=torch.float64),
        torch.from_numpy(ahead) if config.future else None,
        torch.from_numpy(random.normal(size=(rows, len(config.static)))) if config.static else None,
    )


def loss_of(model: Forecaster, crops: Crops) -> Tensor:
    """The loss that a training step goes back from; all members of an ensemble together."""
    state = model.initial().repeat(len(crops.lengths), 1)
    forks = model.forks(crops.values, crops.times, crops.lengths, state, crops.ahead, crops.static)
    levels = torch.tensor(model.config.quantiles)
    losses = [fork_loss(fork, crops.future, crops.lengths, crops.unit, levels) for fork in forks]
    return torch.stack(losses).sum()


def learn(model: Forecaster, crops: Crops) -> None:
    """Forward and backward: all of a training step but the update."""
    model.zero_grad(set_to_none=True)
    loss_of(model, crops).backward()  # type: ignore[no-untyped-call]


def recur(model: Forecaster, features: list[Tensor], lengths: Tensor) -> None:
    """Forward and backward of the recurrent parts alone; `features` (batch, time, inputs) of each."""
    model.zero_grad(set_to_none=True)
    for body, given in zip(model.bodies(), features, strict=True):
        outputs, _ = body.recur_ragged(given, lengths, body.rest().repeat(len(lengths), 1))
        outputs.sum().backward()


def features_of(model: Forecaster, crops: Crops) -> list[Tensor]:
    """Random features of the sizes that the recurrent parts are given, and a gradient is wanted back from."""
    random = torch.Generator().manual_seed(0)
    shape = crops.values.shape[:2]
    return [torch.randn((*shape, body.features.size), generator=random, requires_grad=True) for body in model.bodies()]
