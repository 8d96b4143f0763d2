"""Weights to go on training from: those of a bundle, which its TorchScript graphs hold by name, or of a run."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from models.config import ForecasterConfig
from models.registry import build
from models.training.run import CONFIG, RunError
from models.training.start import Start
from service.bundle import TORCHSCRIPT, Bundle

_PREFIX = "model."  # of the forecaster within what is traced (export/graphs.py)


def start_from(path: Path) -> Start:
    """The model of a bundle or of a run's folder; `BundleError` or `RunError` if it is neither, or damaged."""
    if (path / CONFIG).is_file():
        return Start.of_run(path)
    bundle = Bundle.open(path)
    try:
        config = ForecasterConfig.from_dict(bundle.manifest.training["config"])
    except (KeyError, TypeError, ValueError) as unknown:
        said = f"{path} does not say what its model is made of ({unknown}): name the run it was exported from"
        raise RunError(said) from unknown
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
        traced = torch.jit.load(str(path / TORCHSCRIPT), map_location="cpu")  # type: ignore[no-untyped-call]
    state = {name.removeprefix(_PREFIX): tensor for name, tensor in traced.state_dict().items()}
    learned = build(config).state_dict()  # a trace has constants beside them, which follow from the configuration
    weights = {name: state[name].detach().clone() for name in learned if name in state}
    return Start(path, config, weights)
