"""What a bundle says of its model beside what the model itself knows: its name, its data, how good it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.frequency import Frequency, format_time, parse_time
from models.training.run import DataSummary
from models.training.settings import TrainingSettings

TOLD = ("test", "seasonal_naive", "beats_seasonal_naive")  # of the metrics of a training


@dataclass(frozen=True)
class Description:
    """What stands in the manifest; `metrics` and `training` as plain JSON."""

    name: str
    target: str
    time_zone: str | None
    metrics: dict[str, Any]
    training: dict[str, Any]
    dependence: tuple[float, ...] | None = None  # of a forecast's steps (models/training/dependence.py)

    @classmethod
    def of(
        cls,
        name: str,
        data: DataSummary,
        settings: TrainingSettings,
        metrics: dict[str, Any],
        dependence: tuple[float, ...] | None = None,
    ) -> Description:
        """The description of a training by its data, its settings and its metrics, as metrics.json holds them."""
        training = {
            "settings": settings.to_dict(),
            "data": {**asdict(data), "source": Path(data.source).name},
            "outcome": metrics["training"],
            "held_out": _held_out(data),
        }
        told = {key: metrics[key] for key in TOLD}
        return cls(name, data.target, data.time_zone, told, training, dependence)


def _held_out(data: DataSummary) -> dict[str, Any]:
    """Where the held-out end begins, and its steps."""
    frequency = Frequency.parse(data.frequency)
    last = parse_time(data.last, None)
    first = frequency.times(last, np.array([1 - data.test_steps], dtype=np.int64))[0]
    return {"start": format_time(int(first), frequency), "steps": data.test_steps}
