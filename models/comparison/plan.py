"""What is compared: architectures with one configuration, one budget and one list of seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.architectures import require_architecture
from models.comparison.timing import LENGTHS
from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.registry import build
from models.training.settings import TrainingSettings

REFERENCE = "lstm"  # what others are held against, where it takes part


@dataclass(frozen=True)
class Plan:
    """All that decides a comparison, beside the readings; `data` is their digest."""

    config: ForecasterConfig  # of all, but for the architecture
    settings: TrainingSettings  # of all, but for the seed and, with `same_time`, the number of steps
    models: tuple[str, ...]
    seeds: int  # 0, 1, …
    season: int
    data: str
    same_time: bool = False  # every training as long as that of the fastest; else as many steps
    lengths: tuple[int, ...] = LENGTHS  # of the rows whose training steps are timed

    def __post_init__(self) -> None:
        for name in self.models:
            require_architecture(name)
        if len(self.models) < 2 or len(set(self.models)) < len(self.models):
            raise ValueError(f"expected two different models or more, got {', '.join(self.models) or 'none'}")
        if not self.lengths or min(self.lengths) < 1:
            raise ValueError(f"--lengths are readings of a row, from 1 on, not {self.lengths}")
        for name in self.models:
            build(self.config_of(name))  # says now what would go wrong later

    @property
    def reference(self) -> str:
        return REFERENCE if REFERENCE in self.models else self.models[0]

    def config_of(self, model: str) -> ForecasterConfig:
        return replace(self.config, architecture=model)

    def built(self) -> dict[str, Forecaster]:
        """The models untrained, to be counted, weighed and timed."""
        return {name: build(self.config_of(name)) for name in self.models}

    def settings_of(self, model: str, seed: int, seconds: Mapping[str, float]) -> TrainingSettings:
        """`seconds` that a training step of each takes decide only where the budget is one of time."""
        steps = self.settings.steps
        if self.same_time:
            steps = max(1, round(steps * min(seconds.values()) / seconds[model]))
        return replace(self.settings, seed=seed, steps=steps)

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "model": {name: value for name, value in self.config.to_dict().items() if name != "architecture"},
            "training": {name: value for name, value in self.settings.to_dict().items() if name != "seed"},
            "models": list(self.models),
            "seeds": self.seeds,
            "same_time": self.same_time,
            "lengths": list(self.lengths),
            "data": self.data,
        }
