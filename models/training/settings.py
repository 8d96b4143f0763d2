"""The settings of a training run, beside those of the model: budgets, rates, crops, all counted in steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from models.training.batching import BATCHINGS
from models.training.precision import PRECISIONS
from models.training.schedule import SCHEDULES

AT_LEAST_ONE = ("steps", "batch", "accumulate", "shortest", "longest", "stride", "every", "validate_every", "patience")
NOT_NEGATIVE = ("decay", "warm_up", "jitter", "warp")
BEFORE: dict[str, Any] = {"cooldown": 0.0, "widen": False}  # what a run did that was begun before this could be said


@dataclass(frozen=True)
class TrainingSettings:
    """What decides a training run; together with data and model it decides every weight."""

    steps: int = 1000
    batch: int = 64  # crops in a step
    accumulate: int = 1  # batches whose gradients make one step
    rate: float = 5e-3  # peak learning rate
    schedule: str = "cosine"  # of models/training/schedule.py
    decay: float = 0.01  # weight decay, not on biases and norms
    warm_up: int = 50  # steps
    clip: float = 1.0  # gradient norm
    precision: str = "float32"  # of models/training/precision.py
    batching: str = "crops"  # of models/training/batching.py
    shortest: int = 64  # steps of a crop
    longest: int = 256
    batch_steps: int | None = None  # of a batch counted in steps; else as many as a batch of crops holds in the mean
    every: int = 4  # steps between the origins of a crop that are learned from
    primed: float = 0.85  # share of crops that start with the window of past values known
    stride: int = 1  # crops start on a grid of so many steps
    jitter: float = 0.0  # noise on what is shown, as a share of each crop's deviation
    warp: float = 0.0  # deviation of the logarithm of time's speed within a crop
    mask: float = 0.0  # share of what is shown that is made missing
    seed: int = 0
    validate_every: int = 50  # steps; also how often the run is made safe
    patience: int = 12  # validations without a better one before it stops
    cooldown: float = 0.15  # steps from the best weights on, at a low rate; a share of the budget, beyond it
    widen: bool = True  # bands, in the end, if the validation part asks for it

    def __post_init__(self) -> None:
        for name in AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not 0 < self.rate < 1:
            raise ValueError(f"the rate must lie between 0 and 1, not {self.rate}; 0.005 is a good start")
        for name in ("mask", "cooldown"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"the {name} must be a share from 0 to below 1, not {getattr(self, name)}")
        if not 0 < self.clip < float("inf"):
            raise ValueError(
                f"the longest gradient (clip) must be above 0, and finite, not {self.clip}; 1 is a good start"
            )
        if self.longest < self.shortest:
            raise ValueError(f"the longest crop {self.longest} is shorter than the shortest {self.shortest}")
        _known("batching", self.batching, BATCHINGS)
        _known("schedule", self.schedule, SCHEDULES)
        _known("precision", self.precision, PRECISIONS)
        if self.batch_steps is not None and self.batching != "steps":
            raise ValueError(f"batch_steps is for batching by steps, not by {self.batching}: take --batching steps")
        if self.batch_steps is not None and self.batch_steps < 1:
            raise ValueError(f"batch_steps must be at least 1, not {self.batch_steps}")
        if self.stride > 1 and self.batching == "truncate":
            raise ValueError("truncate takes the most recent steps of each series: a stride has no meaning there")

    @property
    def steps_in_a_batch(self) -> int:
        """The size of a batch that is counted in steps."""
        if self.batch_steps is not None:
            return self.batch_steps
        return self.batch * (self.shortest + self.longest) // 2

    @property
    def cooling(self) -> int:
        """Steps of the cool-down, which come behind those of the budget."""
        return round(self.cooldown * self.steps)

    @property
    def steps_in_all(self) -> int:
        """Steps of the budget and of the cool-down: what a run that does not end early takes."""
        return self.steps + self.cooling

    @property
    def batch_in_words(self) -> str:
        """What a step is made of: 64 crops, 2 x 64 crops, 4,096 readings."""
        by_steps = self.batching == "steps"
        size = f"{self.steps_in_a_batch:,} readings" if by_steps else f"{self.batch} crops"
        return size if self.accumulate == 1 else f"{self.accumulate} x {size}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TrainingSettings:
        """Settings as they were kept, without what came later; ValueError or TypeError if they are none."""
        return cls(**{**BEFORE, **data})


def _known(what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise ValueError(f"unknown {what} {name!r}; choose among {', '.join(names)}")
