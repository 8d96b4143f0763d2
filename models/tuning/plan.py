"""What decides a search: the space, what is not tuned, how trials are proposed and cut short, and the data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler

from models.architectures import require_used
from models.config import ForecasterConfig
from models.training.settings import TrainingSettings
from models.tuning.space import Space

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "hyperband", "none")
WARM_UP = 0.2  # of the budget in which the median prunes nothing: early losses say little about late ones
VALIDATIONS = 20  # at least that many in a trial, where it has as many steps
LARGEST_GRID = 10_000
DECIDING = ("architecture", "members", "stacks", "widths", "layers", "normalisation")  # what a net looks at
HALVINGS = 27  # the budget over the steps of Hyperband's most hurried trials


class PlanError(ValueError):
    """A search that cannot be; the message says what to do."""


class Grid(GridSampler):
    """Optuna's grid, without its wish to end the study after the last trial: the search counts by itself."""

    def after_trial(self, *_: Any) -> None:
        return


@dataclass(frozen=True)
class Plan:
    """With the same plan and one worker, a search comes to the same trials and values, interrupted or not."""

    space: Space
    config: ForecasterConfig  # of what is not tuned
    settings: TrainingSettings
    sampler: str
    pruner: str
    seed: int
    data: str  # digest of the readings that the search sees

    def __post_init__(self) -> None:
        for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
            if getattr(self, name) not in known:
                raise PlanError(f"--{name} is one of {', '.join(known)}, not {getattr(self, name)!r}")
        if self.sampler == "grid" and self.space.combinations > LARGEST_GRID:
            raise PlanError(
                f"a grid over this space has {self.space.combinations:,} trials, {LARGEST_GRID:,} are the most: "
                "declare fewer points or choices, or take --sampler tpe"
            )
        self._check_points()
        self._check_used()

    def _check_points(self) -> None:
        """PlanError for a value that fits with nothing: neither the untuned settings nor all the first or last ones."""
        grid = self.space.grid
        first, last = ({name: points[place] for name, points in grid.items()} for place in (0, -1))
        others: tuple[dict[str, Any], ...] = ({}, first, last)
        for name, points in grid.items():
            for point in points:
                faults = [fault for other in others if (fault := self._fault({**other, name: point})) is not None]
                if len(faults) == len(others):
                    raise PlanError(f"the space, {name}: {faults[0]}")

    def _check_used(self) -> None:
        """PlanError for a setting that the net of no trial looks at."""
        grid = self.space.grid
        names = [name for name in DECIDING if name in grid]
        combinations = [dict(zip(names, points, strict=True)) for points in product(*(grid[name] for name in names))]
        fitting = [stored for stored in combinations if self._fault(stored) is None]
        try:
            require_used(grid, [self.trial(stored)[0] for stored in fitting])
        except ValueError as fault:
            raise PlanError(f"the space: {fault}") from None

    def _fault(self, stored: Mapping[str, Any]) -> ValueError | None:
        try:
            self.trial(stored)
        except ValueError as fault:
            return fault
        return None

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a study to go on, as plain JSON."""
        identity: dict[str, Any] = json.loads(
            json.dumps(
                {
                    "sampler": self.sampler,
                    "pruner": self.pruner,
                    "seed": self.seed,
                    "space": self.space.to_dict(),
                    "model": self.config.to_dict(),
                    "training": self.settings.to_dict(),
                    "data": self.data,
                }
            )
        )
        return identity

    @property
    def budget(self) -> int:
        """Steps of the longest trial."""
        dimension = self.space.dimensions.get("steps")
        return self.settings.steps if dimension is None else int(max(dimension.grid()))

    def trial(self, stored: Mapping[str, Any]) -> tuple[ForecasterConfig, TrainingSettings]:
        """What a trial trains; ValueError where its settings do not go together."""
        chosen = self.space.chosen(stored)
        return replace(self.config, **chosen["model"]), replace(self.settings, **chosen["training"])

    def first(self) -> dict[str, Any]:
        """The settings as they are untuned, where they lie in the space: the trial to beat. Empty for a grid."""
        if self.sampler == "grid":
            return {}
        untuned = self.space.stored({**self.settings.to_dict(), **self.config.to_dict()})
        return untuned if len(untuned) == len(self.space.dimensions) else {}

    def sampler_at(self, number: int) -> BaseSampler:
        """The sampler of the trial of that number: its draws depend on seed and number, so a study can go on."""
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        if self.sampler == "grid":
            return Grid(self.space.grid, seed=self.seed)  # the shuffle must be the same for every trial
        return RandomSampler(seed) if self.sampler == "random" else TPESampler(seed=seed)

    def build_pruner(self) -> BasePruner:
        """Median: worse than the median at the same step, after five whole trials. Hyperband: Li et al. 2018."""
        if self.pruner == "median":
            return MedianPruner(n_startup_trials=5, n_warmup_steps=int(WARM_UP * self.budget))
        if self.pruner == "hyperband":
            least = max(self.settings.validate_every, self.budget // HALVINGS)
            return HyperbandPruner(min_resource=least, max_resource=max(least, self.budget))
        return NopPruner()


def settings_of(steps: int, seed: int) -> TrainingSettings:
    """The settings of a trial before anything is tuned; short ones are validated more often, to be comparable."""
    usual = TrainingSettings()
    every = min(usual.validate_every, max(1, steps // VALIDATIONS))
    return replace(usual, steps=steps, seed=seed, validate_every=every)
