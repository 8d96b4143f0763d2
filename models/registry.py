"""The architectures by name, one line each, and how one is built or loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from models.attention_gru import AttentionGRUForecaster
from models.bi_gru import BiGRUForecaster
from models.config import ForecasterConfig
from models.conv_gru import ConvGRUForecaster
from models.ensemble import EnsembleForecaster
from models.forecaster import Forecaster
from models.gru import GRUForecaster
from models.gru_transformer import GRUTransformerForecaster
from models.lstm import LSTMForecaster
from models.min_gru import MinGRUForecaster
from models.multiscale_gru import MultiscaleGRUForecaster
from models.residual_gru import ResidualGRUForecaster
from models.rnn import RNNForecaster
from models.stacks import StacksForecaster

ARCHITECTURES: dict[str, Callable[[ForecasterConfig], Forecaster]] = {
    "gru": GRUForecaster,
    "lstm": LSTMForecaster,
    "rnn": RNNForecaster,
    "stacks": StacksForecaster,
    "residual-gru": ResidualGRUForecaster,
    "conv-gru": ConvGRUForecaster,
    "attention-gru": AttentionGRUForecaster,
    "multiscale-gru": MultiscaleGRUForecaster,
    "gru-transformer": GRUTransformerForecaster,
    "bi-gru": BiGRUForecaster,
    "min-gru": MinGRUForecaster,
    "ensemble": lambda config: EnsembleForecaster(config, _member),
}


def build(config: ForecasterConfig, covariate_statistics: tuple[Tensor, Tensor] | None = None) -> Forecaster:
    """A new forecaster; `covariate_statistics`: mean and deviation of the training data, (covariates + static,)."""
    model = ARCHITECTURES[config.architecture](config)
    if config.missing == "linear" and model.streams:
        raise ValueError(
            "linear interpolation needs the reading after a gap, and a stream has not seen it yet: choose mask or "
            "forward, or a model that reads whole histories, bi-gru or an ensemble with it"
        )
    if covariate_statistics is not None:
        model.set_covariate_statistics(*covariate_statistics)
    return model


def _member(config: ForecasterConfig) -> Forecaster:
    """What a member may do the ensemble decides: where one reads whole histories, all of them do."""
    return ARCHITECTURES[config.architecture](config)


def load(config: ForecasterConfig, weights: Path) -> Forecaster:
    """The forecaster with the weights of a safetensors file, ready to be run."""
    model = build(config)
    model.load_state_dict(load_file(weights))
    return model.eval()
