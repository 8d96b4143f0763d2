"""What the owner of a study and its workers say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.config import ForecasterConfig
from models.training.settings import TrainingSettings

Ending = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Task:
    """What to train."""

    config: ForecasterConfig
    settings: TrainingSettings


@dataclass(frozen=True)
class Report:
    """A validation on the way; the answer is whether to go on."""

    step: int
    loss: float


@dataclass(frozen=True)
class Result:
    """How a trial ended; the loss is that of its best weights."""

    ending: Ending
    loss: float | None = None
    steps: int | None = None
    seconds: float | None = None
    why: str | None = None
