"""The settings of a training run, beside those of the model: budgets, rates, crops, all counted in steps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TrainingSettings:
    """What decides a training run; together with data and model it decides every weight."""

    steps: int = 1000
    batch: int = 32  # crops in a step
    rate: float = 5e-3  # peak learning rate
    decay: float = 0.01  # weight decay, not on biases and norms
    warm_up: int = 50  # steps
    clip: float = 1.0  # gradient norm
    shortest: int = 64  # steps of a crop
    longest: int = 256
    primed: float = 0.85  # share of crops that start with the window of past values known
    seed: int = 0
    validate_every: int = 50  # steps; also how often the run is made safe
    patience: int = 12  # validations without a better one before it stops

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "shortest", "longest", "validate_every", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.rate < 1:
            raise ValueError(f"the rate must lie between 0 and 1, not {self.rate}; 0.005 is a good start")
        if not self.clip > 0:
            raise ValueError(f"the longest gradient (clip) must be above 0, not {self.clip}; 1 is a good start")
        if self.longest < self.shortest:
            raise ValueError(f"the longest crop {self.longest} is shorter than the shortest {self.shortest}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
