"""A run as the diagnoses see it: its log as columns, beside its settings and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.config import ForecasterConfig
from models.training.run import LOG, METRICS, Run, RunError
from models.training.settings import TrainingSettings

Array = NDArray[np.float64]
FEWEST = 8  # steps below which nothing can be said
SMOOTHED = 10  # steps over which a loss of single batches is averaged, at least; else a tenth of the run


@dataclass(frozen=True, eq=False)
class Case:
    """`column(name)` is a figure by step, float64 (steps,), NaN where it was not taken; without the cool-down."""

    config: ForecasterConfig
    settings: TrainingSettings
    records: Sequence[dict[str, Any]]
    metrics: dict[str, Any] | None  # None: training has not ended

    @classmethod
    def of(cls, run: Run) -> Case:
        """RunError if there is no log, or one too short to say anything."""
        try:
            records = run.read_log()
            complete = all({"step", "loss", "gradient_norm", "skipped", "validation"} <= set(line) for line in records)
        except (UnicodeDecodeError, TypeError) as damaged:
            raise RunError(f"{run.path / LOG} is damaged ({damaged}): train again with --replace") from damaged
        if not complete:
            raise RunError(f"{run.path / LOG} is damaged (steps without loss or norm): train again with --replace")
        records = [line for line in records if not line.get("cooling")]
        if len(records) < FEWEST:
            raise RunError(
                f"{run.path} has a log of {len(records)} steps, and {FEWEST} are the fewest that say anything: "
                "train longer, or go on with: gatecast train … --resume"
            )
        return cls(run.config, run.settings, records, run.metrics() if (run.path / METRICS).is_file() else None)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The number of each step, from 1."""
        return np.array([record["step"] for record in self.records], dtype=np.int64)

    @property
    def monitored(self) -> bool:
        """Whether the log has the monitor's figures; logs of older versions have not."""
        return "carry" in self.records[-1]

    def column(self, name: str) -> Array:
        return _array(record.get(name) for record in self.records)

    def part(self, name: str) -> Array:
        """Gradient norm of a part of the model."""
        return _array((record.get("parts") or {}).get(name) for record in self.records)

    def gate(self, name: str, high: bool) -> Array:
        """Share of a gate's units near its upper (`high`) or its lower end."""
        return _array((record.get("gates") or {}).get(name, (None, None))[int(high)] for record in self.records)

    @property
    def parts(self) -> list[str]:
        return sorted({name for record in self.records for name in record.get("parts") or {}})

    @property
    def gates(self) -> list[str]:
        return sorted({name for record in self.records for name in record.get("gates") or {}})

    @property
    def loss(self) -> Array:
        """Of the training batches; NaN where a step was skipped."""
        return np.where(self.column("skipped") > 0, np.nan, self.column("loss"))

    @property
    def validations(self) -> tuple[NDArray[np.int64], Array]:
        """Steps and losses of the validations."""
        values = self.column("validation")
        known = ~np.isnan(values)
        return self.steps[known], values[known]

    @property
    def quarter(self) -> int:
        """Steps in a quarter of the run."""
        return max(1, len(self.records) // 4)

    @property
    def averaged(self) -> int:
        """Steps over which a training loss is averaged."""
        return min(len(self.records), max(SMOOTHED, len(self.records) // 10))

    def at_first(self, values: Array) -> float:
        """The median over the first quarter of the run; NaN if nothing was taken."""
        return median(values[: self.quarter])

    def at_last(self, values: Array) -> float:
        """The median over the last quarter of the run."""
        return median(values[-self.quarter :])

    @property
    def last_steps(self) -> str:
        """The steps of the last quarter, in words."""
        return f"steps {self.steps[-self.quarter]:,} to {self.steps[-1]:,}"

    @property
    def first_steps(self) -> str:
        return f"steps {self.steps[0]:,} to {self.steps[self.quarter - 1]:,}"


def median(values: Array) -> float:
    """Of the finite values; NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def mean(values: Array) -> float:
    """Of the finite values; NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _array(values: Iterable[Any]) -> Array:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
