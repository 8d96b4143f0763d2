"""The two graphs of a forecaster as they are written: which inputs each has, and an example to trace with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.forecaster import Forecaster

EXAMPLE_BATCH, EXAMPLE_TIME = 3, 5  # not 1: a dimension of one is taken for a constant


class Graphs(nn.Module):
    """A forecaster's methods with positional inputs; those that the model does not use are not there."""

    def __init__(self, model: Forecaster) -> None:
        super().__init__()
        self.model = model

    def sequence(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.sequence(**dict(zip(sequence_inputs(self.model), inputs, strict=True)))

    def step(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.model.step(**dict(zip(step_inputs(self.model), inputs, strict=True)))


def sequence_inputs(model: Forecaster) -> list[str]:
    """Names of the inputs of `sequence`, in order."""
    return ["values", "times", "lengths", "state", *_optional(model)]


def step_inputs(model: Forecaster) -> list[str]:
    """Names of the inputs of `step`, in order."""
    return ["values", "times", "state", *_optional(model)]


def example(model: Forecaster) -> dict[str, dict[str, Tensor]]:
    """Inputs of each graph to trace with: sizes above one, a row that ends early, missing values."""
    config = model.config
    values = torch.linspace(-1.0, 1.0, EXAMPLE_BATCH * EXAMPLE_TIME * model.width, dtype=torch.float64)
    values = values.reshape(EXAMPLE_BATCH, EXAMPLE_TIME, model.width)
    values[0, 1, 0] = float("nan")
    future = torch.ones(EXAMPLE_BATCH, config.horizon, len(config.future), dtype=torch.float64)
    static = torch.ones(EXAMPLE_BATCH, len(config.static), dtype=torch.float64)
    future[0], static[0] = float("nan"), float("nan")
    given = {
        "values": values,
        "times": torch.arange(EXAMPLE_TIME).repeat(EXAMPLE_BATCH, 1) * 3600,
        "lengths": torch.tensor([EXAMPLE_TIME, 3, 2]),
        "state": model.initial().detach().repeat(EXAMPLE_BATCH, 1),
        "future": future,
        "static": static,
    }
    one = {**given, "values": values[:, 0], "times": given["times"][:, 0]}
    examples = {"sequence": {name: given[name] for name in sequence_inputs(model)}}
    if model.streams:
        examples["step"] = {name: one[name] for name in step_inputs(model)}
    return examples


def _optional(model: Forecaster) -> list[str]:
    config = model.config
    return [name for name, used in (("future", config.future), ("static", config.static)) if used]
