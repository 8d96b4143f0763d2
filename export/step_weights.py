"""The numbers that our own step (service/runtimes/kernel) computes with, of the models that it knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from models.config import ForecasterConfig
from models.decoder import RANK
from models.forecaster import Forecaster
from models.gru import GRUForecaster
from models.layers.cell import weights
from models.layers.gru import GRULayer
from service.bundle import STEP_WEIGHTS

VERSION = 2  # of these tensors and of what is computed from them: to be raised with either, here and in load.c


def beyond_the_kernel(model: Forecaster) -> str | None:
    """What of this model our own step does not compute, in words; None where it computes all of it."""
    config = model.config
    if type(model) is not GRUForecaster:
        return f"the architecture {config.architecture}"
    for what, found, known in (
        ("scaling", config.scaling, ("standard",)),
        ("missing readings", config.missing, ("mask", "forward")),
        ("normalisation", config.normalisation if config.layers > 1 else "none", ("none",)),
    ):
        if found not in known:
            return f"{what} {found}"
    if config.calendar_zone:
        return f"the clock of {config.calendar_zone}"
    if config.holidays:
        return f"the holidays of {', '.join(config.holidays.names)}"
    return "covariates that are known ahead" if config.future else None


def write_step_weights(model: Forecaster, folder: Path) -> None:
    """Writes `step.safetensors` into `folder` where our own step computes this model; else nothing."""
    if beyond_the_kernel(model) is not None:
        return
    assert isinstance(model, GRUForecaster)
    (folder / STEP_WEIGHTS).write_bytes(save(step_weights(model)))


def step_weights(model: GRUForecaster) -> dict[str, NDArray[np.generic]]:
    """By name: `sizes` in the order of load.c, constants, and float32 matrices (outputs, inputs) with their biases."""
    features, decoder, config = model.features, model.decoder, model.config
    calendar = features.calendar
    tensors: dict[str, Tensor] = {
        "sizes": torch.tensor(_sizes(model, config)),
        "offset": torch.tensor([model.transform.offset], dtype=torch.float64),
        "lags": torch.tensor(config.lags),
        "local": torch.tensor([RANK if decoder.local else 0]),
        "period": calendar.period,
        "phase": calendar.offset,
        "angular": calendar.angular,
        "covariate_mean": features.covariate_mean,
        "covariate_deviation": features.covariate_deviation,
        "static_mean": features.static_mean,
        "static_deviation": features.static_deviation,
        "norm.weight": decoder.norm.weight,
        "norm.bias": decoder.norm.bias,
    }
    if config.spread and max(config.spread) > 0:
        tensors["spread"] = torch.tensor([*config.spread, config.season], dtype=torch.float64)
    if config.non_negative or config.integer:
        tensors["support"] = torch.tensor([int(config.non_negative), int(config.integer)])
    local = ("contrast", "contrasted") if decoder.local else ()
    for name in ("expand", "mix", "correction", *local):
        linear = getattr(decoder, name)
        tensors |= {f"{name}.weight": linear.weight, f"{name}.bias": linear.bias}
    for at, layer in enumerate(model.stack.layers):
        assert isinstance(layer, GRULayer)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        tensors |= {f"layer.{at}.{name}": part for name, part in zip(names, weights(layer.fused), strict=True)}
    return {name: np.ascontiguousarray(part.detach().cpu().numpy()) for name, part in tensors.items()}


def _sizes(model: GRUForecaster, config: ForecasterConfig) -> list[int]:
    features = model.features
    return [
        VERSION,
        config.window,
        config.horizon,
        len(config.quantiles),
        model.decoder.median,
        config.hidden,
        config.layers,
        len(config.lags),
        features.calendar.size // 2,
        features.covariates,
        features.static,
        int(model.memory.fill),
    ]
