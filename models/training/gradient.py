"""The gradient of one step: its batches, forecasts from their origins, and the loss over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from models.forecaster import Forecaster, Fork
from models.layers.dropout import drawing_from
from models.training.accumulation import accumulate
from models.training.loss import count_targets, fork_loss
from models.training.monitor import Monitor
from models.training.precision import autocast
from models.training.settings import TrainingSettings
from models.training.side_by_side import Part, SideBySide
from models.training.windows import Crops, Sampler


class Gradient:
    """Of one model on one run's batches; to be closed when the run is over."""

    def __init__(
        self, model: Forecaster, sampler: Sampler, settings: TrainingSettings, monitor: Monitor, threads: int
    ) -> None:
        """With several `threads`, on the CPU, each takes a part of a batch; other bits, and the same each time."""
        self.model = model
        self.sampler = sampler
        self.settings = settings
        self.monitor = monitor
        self.device = next(model.parameters()).device
        self.levels = torch.tensor(model.config.quantiles, device=self.device)
        alone = threads == 1 or self.device.type != "cpu" or model.config.normalisation == "batch"
        self.beside = None if alone else SideBySide(threads)

    def close(self) -> None:
        """Lets the threads end."""
        if self.beside is not None:
            self.beside.close()

    def learn(self, step: int, scale: Callable[[Tensor], Tensor]) -> float:
        """Leaves the gradient of a step in the model's weights, of a loss that goes through `scale`; returns the loss.

        Dropout's draws are of this step alone, whatever was drawn before.
        """
        torch.manual_seed(self.settings.seed * 1_000_003 + step)
        weights = list(self.model.parameters())
        if self.beside is None:
            return accumulate(self._parts(step), weights, scale)
        return self.beside.learn(self._dealt(step, self.beside.threads), weights)

    def forks(self, crops: Crops, number: int = 0) -> list[Fork]:
        """Of each member; decoded at every few steps, in turn: origins side by side share nearly all their targets."""
        every = self.settings.every
        origins = slice(number % every, None, every) if crops.values.size(1) >= every else slice(None)
        with autocast(self.device, self.settings.precision):
            state = self.model.primed(crops.before)
            cold = torch.isnan(crops.before[:, :, 0]).all(1)
            state = torch.where(cold.unsqueeze(1), self.model.initial(), state)
            forks = self.model.forks(
                crops.values, crops.times, crops.lengths, state, crops.ahead, crops.static, origins
            )
        return [fork._replace(quantiles=fork.quantiles.float()) for fork in forks]

    def _batches(self, step: int) -> range:
        return range(step * self.settings.accumulate, (step + 1) * self.settings.accumulate)

    def _parts(self, step: int) -> Iterator[tuple[Tensor, int]]:
        """Of each batch of a step its mean loss, and by how many targets it weighs beside the others.

        Members of an ensemble learn side by side: none of their losses is any other's business.
        """
        for number in self._batches(step):
            crops = self.sampler.crops(number).to(self.device)
            forks = self.forks(crops, number)
            self.monitor.watch(forks, crops.lengths)
            targets = count_targets(forks[0], crops.future, crops.lengths) if self.settings.accumulate > 1 else 1
            yield self._loss(forks, crops), targets

    def _dealt(self, step: int, parts: int) -> Iterator[list[Part]]:
        """Of each batch of a step its parts, each with draws of its own; the monitor looks at the first."""

        def of(part: int, crops: Crops, number: int) -> tuple[Tensor, int]:
            seed = (self.settings.seed * 1_000_003 + number) * parts + part
            with drawing_from(torch.Generator().manual_seed(seed)):
                forks = self.forks(crops, number)
            if part == 0:
                self.monitor.watch(forks, crops.lengths)
            return self._loss(forks, crops), count_targets(forks[0], crops.future, crops.lengths)

        for number in self._batches(step):
            dealt = self.sampler.crops(number).dealt(parts)
            yield [partial(of, part, crops, number) for part, crops in enumerate(dealt)]

    def _loss(self, forks: list[Fork], crops: Crops) -> Tensor:
        losses = [fork_loss(fork, crops.future, crops.lengths, crops.unit, self.levels) for fork in forks]
        return torch.stack(losses).sum()
