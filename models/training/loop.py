"""The training loop: steps, what keeps them stable, validations, and when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.forecaster import Forecaster
from models.training.checkpoint import Checkpoint, Place, ResumeError
from models.training.gradient import Gradient
from models.training.monitor import Monitor, Vitals
from models.training.optimizer import build_optimizer, moments, restore_moments
from models.training.precision import loss_scaler
from models.training.schedule import rate_at
from models.training.settings import TrainingSettings
from models.training.validation import Validation
from models.training.widening import widen, wider_by
from models.training.windows import Sampler

SKIPS_IN_A_ROW = 10  # steps without a finite gradient that end a run
SKIPPED_SHARE = 0.1  # of the steps done, from this many steps on:
SKIPS_COUNT_FROM = 50
COOL = 0.1  # of the peak rate, with which a cool-down begins

Reason = Literal["budget", "early", "interrupted"]


class TrainingDiverged(Exception):
    """Too many steps had no finite gradient; the message says what to try."""


@dataclass(frozen=True)
class Record:
    """What one step was like."""

    step: int  # from 1
    loss: float
    gradient_norm: float
    rate: float
    skipped: bool
    validation: float | None  # where there was one
    best: bool  # whether that was the best so far
    seconds: float
    last_validation: float | None = None  # carried on over the steps without one
    vitals: Vitals | None = None
    cooling: bool = False  # whether it is a step of the cool-down

    def to_dict(self) -> dict[str, Any]:
        """One flat object a step; the monitor's figures stand beside the others."""
        own = {key: value for key, value in vars(self).items() if key != "vitals"}
        return own if self.vitals is None else {**own, **vars(self.vitals)}


@dataclass(frozen=True)
class Outcome:
    """How a run ended; the model then carries the best weights."""

    reason: Reason
    place: Place


class Training:
    """One run of one model: call `run` once; `checkpoint` may be called between any two steps."""

    def __init__(
        self,
        model: Forecaster,
        sampler: Sampler,
        validation: Validation,
        settings: TrainingSettings,
        clock: Callable[[], float] = time.monotonic,
        threads: int = 1,
    ) -> None:
        """With several `threads`, on the CPU, each takes a part of a batch; other bits, and the same each time."""
        self.model = model
        self.validation = validation
        self.settings = settings
        self.device = next(model.parameters()).device
        self.optimizer = build_optimizer(model, settings)
        self.scaler = loss_scaler(self.device, settings.precision)
        self.place = Place()
        self.best: dict[str, Tensor] = {}
        self.monitor = Monitor(model)
        self.gradient = Gradient(model, sampler, settings, self.monitor, threads)
        self._clock = clock

    def checkpoint(self) -> Checkpoint:
        """Where the run is now."""
        memory = moments(self.model, self.optimizer)
        return Checkpoint(replace(self.place), _copy(self.model), self.best, memory, scaler=self.scaler.state_dict())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on from a checkpoint; ResumeError if it is of another model."""
        try:
            self.model.load_state_dict(checkpoint.weights)
            restore_moments(self.model, self.optimizer, checkpoint.moments)
        except (RuntimeError, KeyError) as foreign:
            raise ResumeError(f"the checkpoint does not fit this model: {foreign}") from foreign
        self.place = replace(checkpoint.place)
        self.best = checkpoint.best
        if checkpoint.scaler:
            self.scaler.load_state_dict(checkpoint.scaler)

    def run(
        self,
        observe: Callable[[Record], None],
        save: Callable[[Checkpoint], None],
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Trains until the budget is spent, nothing got better for long, or `interrupted` says so between two steps.

        Then, unless interrupted, it cools down: the best weights may have been found at a high rate and be as noisy.
        In the end bands are widened, if that is better on the validation part (models/training/widening.py).
        `observe` is told of every step, `save` is given a checkpoint after every validation and at the end; a run that
        ends within the cool-down begins that anew. TrainingDiverged if gradients stop being finite.
        """
        try:
            return self._run(observe, save, interrupted)
        finally:
            self.gradient.close()

    def _run(
        self, observe: Callable[[Record], None], save: Callable[[Checkpoint], None], interrupted: Callable[[], bool]
    ) -> Outcome:
        before = self.place.seconds
        started = self._clock()
        reason = self._reason()
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            while reason is None:
                record = self._step()
                self.place.seconds = before + self._clock() - started
                observe(replace(record, seconds=self.place.seconds))
                reason = "interrupted" if interrupted() else self._reason()
                if record.validation is not None or reason is not None:
                    save(self.checkpoint())
            if not self.best:
                self._validate()
            self.model.load_state_dict(self.best)
            if reason != "interrupted" and self.place.cooled is None:
                for record in self._cool():
                    self.place.seconds = before + self._clock() - started
                    observe(replace(record, seconds=self.place.seconds))
                    if record.validation is not None:
                        save(self.checkpoint())
                    elif interrupted():
                        reason = "interrupted"
                        break
            if reason != "interrupted" and self.settings.widen and self.place.widened is None:
                self._widen()
                save(self.checkpoint())
        self.model.load_state_dict(self.best)
        self.model.eval()
        return Outcome(reason, replace(self.place))

    def _reason(self) -> Reason | None:
        if self.place.step >= self.settings.steps:
            return "budget"
        return "early" if self.place.since_best >= self.settings.patience else None

    def _step(self) -> Record:
        settings, place = self.settings, self.place
        rate = rate_at(
            place.step, settings.steps, settings.rate, settings.warm_up, settings.schedule, place.validations
        )
        loss, norm, vitals = self._update(place.step, rate)
        skipped = not norm < float("inf")  # True for NaN too
        place.step += 1
        self._count_skip(skipped)
        value, best = None, False
        if place.step % settings.validate_every == 0 or place.step == settings.steps:
            value = self._validate()
            best = place.best_step == place.step
        return Record(place.step, loss, norm, rate, skipped, value, best, 0.0, place.last, vitals)

    def _cool(self) -> Iterator[Record]:
        """Steps at a low, falling rate, with an optimizer of their own; what they come to is kept if it is better."""
        settings, place = self.settings, self.place
        self.optimizer = build_optimizer(self.model, settings)
        for number in range(1, settings.cooling + 1):
            rate = rate_at(number - 1, settings.cooling, COOL * settings.rate, 1)
            loss, norm, vitals = self._update(settings.steps + number - 1, rate)
            skipped, value = not norm < float("inf"), None
            place.skipped += skipped
            if number == settings.cooling:
                value = self.validation.loss(self.model)
                assert place.best is not None
                place.cooled = value < place.best
                if place.cooled:
                    place.best, self.best = value, _copy(self.model)
            better, last = place.cooled is True, place.last if value is None else value
            yield Record(place.step + number, loss, norm, rate, skipped, value, better, 0.0, last, vitals, cooling=True)

    def _widen(self) -> None:
        """The best weights with wider bands, if the validation part asks for that."""
        self.model.load_state_dict(self.best)
        self.place.widened = wider_by(self.model, self.validation)
        if not self.place.widened:
            return
        widen(self.model, self.place.widened)
        value = self.validation.loss(self.model)
        assert self.place.best is not None
        if value < self.place.best:
            self.place.best, self.best = value, _copy(self.model)
        else:
            self.place.widened = 0.0

    def _update(self, step: int, rate: float) -> tuple[float, float, Vitals]:
        """Moves the weights by the batches of a step: loss and norm of the gradient, which moves none if not finite."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.gradient.learn(step, self.scaler.scale)
        self.scaler.unscale_(self.optimizer)  # so that clipping sees gradients as they are
        self.monitor.before()
        norm = self._clip()
        if norm < float("inf"):
            self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss, norm, self.monitor.after()

    def _clip(self) -> float:
        """Cuts the gradients of each member of an ensemble for itself; the longest norm before that, NaN if one is."""
        norms = [nn.utils.clip_grad_norm_(body.parameters(), self.settings.clip) for body in self.model.bodies()]
        return float(torch.stack(norms).amax())

    def _count_skip(self, skipped: bool) -> None:
        place = self.place
        place.skipped += skipped
        place.skipped_in_a_row = place.skipped_in_a_row + 1 if skipped else 0
        many = place.step >= SKIPS_COUNT_FROM and place.skipped > SKIPPED_SHARE * place.step
        if not many and place.skipped_in_a_row < SKIPS_IN_A_ROW:
            return
        raise TrainingDiverged(
            f"{place.skipped} of {place.step} steps had no finite gradient, {place.skipped_in_a_row} in a row: "
            f"halve the rate (--rate {self.settings.rate / 2:g}) and look for extreme values in the data"
        )

    def _validate(self) -> float:
        place = self.place
        value = place.last = self.validation.loss(self.model)
        place.validations = (*place.validations, value)
        if place.best is None or value < place.best or not self.best:
            place.best, place.best_step, place.since_best = value, place.step, 0
            self.best = _copy(self.model)
        else:
            place.since_best += 1
        return value


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
