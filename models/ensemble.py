"""Several forecasters that answer as one: the mean of their quantiles, from one state row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.forecaster import CannotStream, Forecaster, Fork, Slice, slices_of


class EnsembleForecaster(Forecaster):
    """`members` may be of any architectures; one architecture named twice starts from two seeds.

    Each learns for itself, from the same crops; a mean of quantiles that do not cross does not cross. The state is that
    of the members one after the other, its slices named member/slice. With a member that does not stream all of them
    read whole histories, no longer than each can take.
    """

    def __init__(self, config: ForecasterConfig, member: Callable[[ForecasterConfig], Forecaster]) -> None:
        super().__init__(config)
        if len(config.members) < 2 or "ensemble" in config.members:
            raise ValueError(f"an ensemble needs two members or more, such as gru,lstm; not {config.members}")
        free = replace(config, non_negative=False, integer=False)  # what the target can be holds for the mean alone
        self.members = nn.ModuleList(member(replace(free, architecture=name)) for name in config.members)

    @property
    def streams(self) -> bool:
        return all(each.streams for _, each in self._each())

    @property
    def longest_history(self) -> int | None:
        bounds = [each.longest_history for _, each in self._each()]
        return min((bound for bound in bounds if bound is not None), default=None)

    @property
    def layout(self) -> list[Slice]:
        return slices_of(
            [(f"{at + 1}/{part.name}", part.stop - part.start) for at, each in self._each() for part in each.layout]
        )

    @property
    def gate_layout(self) -> list[Slice]:
        if not self.streams:  # there is no step to show the gates of
            return []
        return slices_of(
            [
                (f"{at + 1}/{part.name}", part.stop - part.start)
                for at, each in self._each()
                for part in each.gate_layout
            ]
        )

    def initial(self) -> Tensor:
        return torch.cat([each.initial() for _, each in self._each()])

    def primed(self, before: Tensor) -> Tensor:
        return torch.cat([each.primed(before) for _, each in self._each()], 1)

    def set_covariate_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        for _, each in self._each():
            each.set_covariate_statistics(mean, deviation)

    def sequence(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        future: Tensor | None = None,
        static: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        answers = [each.sequence(values, times, lengths, part, future, static) for each, part in self._with(state)]
        return self._mean([quantiles for quantiles, _ in answers]), torch.cat([after for _, after in answers], 1)

    def step(
        self,
        values: Tensor,
        times: Tensor,
        state: Tensor,
        future: Tensor | None = None,
        static: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        if not self.streams:
            whole = dict.fromkeys(each.config.architecture for _, each in self._each() if not each.streams)
            raise CannotStream(
                f"{', '.join(whole)} reads whole histories, and so does an ensemble with it: give `sequence` the whole "
                "history, or take members that stream"
            )
        answers = [each.step(values, times, part, future, static) for each, part in self._with(state)]
        quantiles, after, gates = zip(*answers, strict=True)
        return self._mean(list(quantiles)), torch.cat(after, 1), torch.cat(gates, 1)

    def fork(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        ahead: Tensor | None = None,
        static: Tensor | None = None,
        origins: slice | None = slice(None),
    ) -> Fork:
        forks = self.forks(values, times, lengths, state, ahead, static, origins)
        quantiles = torch.stack([fork.quantiles for fork in forks]).mean(0)  # all in deviations of the same window
        state = torch.cat([fork.state for fork in forks], 1)
        return forks[0]._replace(quantiles=quantiles, state=state, transform=self.transform)

    def forks(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        ahead: Tensor | None = None,
        static: Tensor | None = None,
        origins: slice | None = slice(None),
    ) -> list[Fork]:
        origins = origins if self.streams else None
        return [each.fork(values, times, lengths, part, ahead, static, origins) for each, part in self._with(state)]

    def bodies(self) -> list[Any]:
        return [body for _, each in self._each() for body in each.bodies()]

    def _each(self) -> Iterator[tuple[int, Forecaster]]:
        for at, each in enumerate(self.members):
            assert isinstance(each, Forecaster)
            yield at, each

    def _with(self, state: Tensor) -> Iterator[tuple[Forecaster, Tensor]]:
        parts = torch.split(state, [each.state_size for _, each in self._each()], 1)
        for (_, each), part in zip(self._each(), parts, strict=True):
            yield each, part

    def _mean(self, quantiles: list[Tensor]) -> Tensor:
        """Under the curve that all members learn under."""
        under = torch.stack([self.transform.apply(each) for each in quantiles]).mean(0)
        return self.transform.undo(under)
