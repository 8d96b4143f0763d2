"""A comparison from its first measurement to its last: what is there already is not measured again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from models.comparison import timing
from models.comparison.accuracy import HeldOut, errors_of, naive_errors
from models.comparison.folder import Folder
from models.comparison.history import errors_by_history, lengths_of
from models.comparison.memory import activation_bytes, state_bytes, weight_bytes
from models.comparison.parameters import count
from models.comparison.plan import Plan
from models.evaluation.panel import Panel
from models.evaluation.rolling_origin import Stopped
from models.forecaster import Forecaster
from models.training.refit import refit
from models.training.trainings import View

Serve = Callable[[dict[str, Forecaster]], dict[str, Any]]  # trained models -> their figures in serving, by name


@dataclass(frozen=True, eq=False)
class Measuring:
    """Measures one part after the other; Stopped if it is interrupted, with what is done kept in the folder."""

    plan: Plan
    panel: Panel
    folder: Folder
    view: View
    interrupted: Callable[[], bool] = lambda: False
    threads: int = 1

    def run(self, serve: Serve | None = None) -> dict[str, Any]:
        """All figures as they were measured, by part."""
        torch.set_num_threads(self.threads)
        held = HeldOut.of(self.panel, self.plan.config, self.plan.season)
        config = self.plan.config
        parts = {
            "size": self._once("size", self._size),
            "timing": self._once("timing", self._timing),
            "packing": self._once("packing", self._packing),
            "naive": self._once("naive", lambda: _naives(held, config.horizon, config.lags)),
            "trainings": self._trainings(held),
            "held_out": {"units": held.units, "kind": held.kind, "series": len(held.spans)},
        }
        if serve is not None:
            parts["serving"] = self._once("serving", lambda: self._serving(serve))
        return parts

    @property
    def full(self) -> float:
        """The share of real steps in a batch of training, in the mean."""
        settings = self.plan.settings
        return (settings.shortest + settings.longest) / (2 * settings.longest)

    def _once(self, name: str, measure: Callable[[], Any]) -> Any:
        found = self.folder.read(name)
        if found is None:
            self._check()
            self.folder.keep(name, measure())
            found = self.folder.read(name)
        return found

    def _size(self) -> dict[str, Any]:
        found = {}
        rows, length = self.plan.settings.batch, self.plan.settings.longest
        for name, model in self.plan.built().items():
            self._begin(f"{name}: counting and weighing")
            counted = count(model)
            fits = timing.takes(model, length)
            found[name] = {
                "parameters": counted.total,
                "recurrent": counted.recurrent,
                "closed_form": counted.closed_form,
                "layers": [vars(layer) for layer in counted.layers],
                "weight_bytes": weight_bytes(model),
                "state_bytes": state_bytes(model),
                "activation_bytes": activation_bytes(model, rows, length, self.full) if fits else None,
            }
        return found

    def _timing(self) -> dict[str, Any]:
        clock = timing.clock_of(self.threads)
        lengths = sorted({*self.plan.lengths, self.plan.settings.longest})
        spans = timing.training_steps(
            self.plan.built(), self.plan.settings.batch, clock, lengths, self.full, done=self._begin
        )
        return {
            "clock": "processor time" if self.threads == 1 else "time on the wall",
            "rows": self.plan.settings.batch,
            "typical": self.plan.settings.longest,
            "full": self.full,
            "lengths": lengths,
            **{
                part: {length: timing.summary(found, self.plan.reference) for length, found in by_length.items()}
                for part, by_length in spans.items()
            },
        }

    def _packing(self) -> dict[str, Any]:
        clock, rows = timing.clock_of(self.threads), self.plan.settings.batch
        length = min(timing.PACKED_LENGTH, max(self.plan.lengths))
        found = timing.packing(self.plan.built(), rows, clock, length, done=self._begin)
        return {"length": length, "rows": rows, "models": found}

    def _trainings(self, held: HeldOut) -> dict[str, list[Any]]:
        """Seed by seed, so that a comparison that is stopped has the same seeds of all."""
        found: dict[str, list[Any]] = {name: [] for name in self.plan.models}
        number = 0
        for seed in range(self.plan.seeds):
            for model in self.plan.models:
                entry = self.folder.read(named(model, seed))
                if entry is None:
                    self._check()
                    entry = self._train(model, seed, number, held)
                number += 1
                self.view.trained(number, 0)
                found[model].append(entry)
        return found

    def _train(self, model: str, seed: int, number: int, held: HeldOut) -> dict[str, Any]:
        self.view.begun(f"{model}, seed {seed}: training")
        seconds = self._seconds_a_step() if self.plan.same_time else {}
        settings = self.plan.settings_of(model, seed, seconds)
        scale = self.plan.settings.steps / settings.steps
        begun, worked = time.perf_counter(), time.process_time()
        trained, notes = refit(
            self.panel,
            self.plan.config_of(model),
            settings,
            self.plan.season,
            lambda record: self.view.trained(number, round(scale * record.step)),
            self.interrupted,
        )
        took = {"seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - worked}
        self._begin(f"{model}, seed {seed}: forecasting")
        errors = errors_of(trained, held)
        lengths = lengths_of(held, trained.window)
        entry = {
            "seed": seed,
            **took,
            **notes,
            "budget": settings.steps,
            "metrics": errors.metrics.to_dict(),
            "by_unit": [None if math.isnan(error) else error for error in errors.by_unit.tolist()],
            "by_history": {str(at): error for at, error in errors_by_history(trained, held, lengths).items()},
        }
        self.folder.keep_weights(named(model, seed), trained)
        self.folder.keep(named(model, seed), entry)
        return entry

    def _seconds_a_step(self) -> dict[str, float]:
        longest = self.plan.settings.longest
        found = self.folder.read("timing")["whole"][str(longest)]
        absent = [name for name in self.plan.models if name not in found]
        if absent:
            raise ValueError(f"{absent[0]} cannot be timed on rows of {longest} readings: leave out --same-time")
        return {name: found[name]["seconds"]["median"] for name in self.plan.models}

    def _serving(self, serve: Serve) -> dict[str, Any]:
        self._begin("exporting and timing what is served")
        return serve({name: self.folder.forecaster(name, named(name, 0)) for name in self.plan.models})

    def _begin(self, doing: str) -> None:
        self._check()
        self.view.begun(doing)

    def _check(self) -> None:
        if self.interrupted():
            raise Stopped


def named(model: str, seed: int) -> str:
    """A training in the folder."""
    return f"{model}-{seed}"


def _naives(held: HeldOut, horizon: int, lags: tuple[int, ...]) -> dict[str, float]:
    return {str(lag): error for lag, error in naive_errors(held, horizon, lags).items()}
