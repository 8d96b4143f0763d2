"""AdamW with weight decay on matrices alone, and its moments by the names of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.training.settings import TrainingSettings

BETAS = (0.9, 0.99)  # a shorter memory of squared gradients than usual: budgets are a few thousand steps


def decayed(name: str, parameter: Tensor) -> bool:
    """Whether a weight decays: matrices do, biases and norms do not."""
    return parameter.ndim >= 2 and "bias" not in name


def build_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) in two groups: with decay and without."""
    named = list(model.named_parameters())
    groups = [
        {"params": [p for name, p in named if decayed(name, p)], "weight_decay": settings.decay},
        {"params": [p for name, p in named if not decayed(name, p)], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=BETAS)


def moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's memory as `weight/moment` -> tensor; empty before its first step."""
    return {
        f"{name}/{key}": value.clone()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_moments(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what `moments` gave."""
    parameters = dict(model.named_parameters())
    for place, value in tensors.items():
        name, _, key = place.rpartition("/")
        parameter = parameters[name]
        device = value.device if key == "step" else parameter.device  # AdamW counts its steps on the CPU
        optimizer.state[parameter][key] = value.to(device, copy=True)
