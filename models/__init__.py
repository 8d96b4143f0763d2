"""What is learned: recurrent forecasters in torch, their training and their evaluation.

The names below are the library; each is imported when it is asked for, so that a part of it costs no more than itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.config import ForecasterConfig, implied_config
    from models.evaluation.backtest import backtest
    from models.evaluation.panel import Panel
    from models.forecaster import Forecaster
    from models.registry import ARCHITECTURES, build, load
    from models.training.fitted import Fitted, fit
    from models.training.settings import TrainingSettings
else:
    _HOMES = {
        "ARCHITECTURES": "models.registry",
        "Fitted": "models.training.fitted",
        "Forecaster": "models.forecaster",
        "ForecasterConfig": "models.config",
        "Panel": "models.evaluation.panel",
        "TrainingSettings": "models.training.settings",
        "backtest": "models.evaluation.backtest",
        "build": "models.registry",
        "fit": "models.training.fitted",
        "implied_config": "models.config",
        "load": "models.registry",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"models has no {name!r}; it offers {', '.join(_HOMES)}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "ARCHITECTURES",
    "Fitted",
    "Forecaster",
    "ForecasterConfig",
    "Panel",
    "TrainingSettings",
    "backtest",
    "build",
    "fit",
    "implied_config",
    "load",
]
