"""The architectures by name, one line each, and how one is built or loaded."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.gru import GRUForecaster

ARCHITECTURES: dict[str, type[Forecaster]] = {
    "gru": GRUForecaster,
}


def build(config: ForecasterConfig, covariate_statistics: tuple[Tensor, Tensor] | None = None) -> Forecaster:
    """A new forecaster; `covariate_statistics`: mean and deviation, float64 (covariates,), of the training data."""
    if config.architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {config.architecture!r}; choose among {sorted(ARCHITECTURES)}")
    model = ARCHITECTURES[config.architecture](config)  # type: ignore[call-arg]
    if covariate_statistics is not None:
        mean, deviation = covariate_statistics
        model.covariate_mean.copy_(mean)
        model.covariate_deviation.copy_(torch.where(deviation > 0, deviation, torch.ones_like(deviation)))
    return model


def load(config: ForecasterConfig, weights: Path) -> Forecaster:
    """The forecaster with the weights of a safetensors file, ready to be run."""
    model = build(config)
    model.load_state_dict(load_file(weights))
    return model.eval()
