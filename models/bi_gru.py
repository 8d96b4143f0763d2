"""A GRU that reads a history both ways: it forecasts from whole histories and cannot be streamed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.forecaster import CannotStream, Fork, counting
from models.layers.dropout import Dropout
from models.layers.gru import GRULayer
from models.layers.norm import Normalisation
from models.layers.zoneout import zoned_out
from models.recurrent import RecurrentForecaster

WINDOWS = 2  # lengths of the window that a history may have


class BiGRUForecaster(RecurrentForecaster):
    """Two GRUs a layer, one from each end (Schuster and Paliwal 1997); the decoder sees where both have arrived.

    The backward one starts at each row's own last step: a row is turned round within its own length, so that no padding
    is read before a reading. A sequence always begins anew: the state that it returns can be forecast from and not be
    continued.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__(config, output=2 * config.hidden)
        self.hidden = config.hidden
        sizes = [self.features.size] + [2 * config.hidden] * (config.layers - 1)
        self.forwards = nn.ModuleList(GRULayer(size, config.hidden) for size in sizes)
        self.backwards = nn.ModuleList(GRULayer(size, config.hidden) for size in sizes)
        self.norms = nn.ModuleList(Normalisation(config.normalisation, size) for size in sizes[1:])
        self.zoneout = config.zoneout
        self.dropout = Dropout(config.dropout)
        for layer in self._layers():
            for direction in layer:
                direction.start(longest_memory=config.window)

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        return [("forward", self.hidden), ("backward", self.hidden)]

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        return []

    @property
    def streams(self) -> bool:
        return False

    @property
    def longest_history(self) -> int:
        return WINDOWS * self.window

    def fork(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        ahead: Tensor | None = None,
        static: Tensor | None = None,
        origins: slice | None = None,
    ) -> Fork:
        """Of each row its last step alone: what is decoded there has read the row from its end."""
        del origins  # there is one
        return super().fork(values, times, lengths, state, ahead, static, origins=None)

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        inputs, turned = features, _turned(features, lengths)
        start = torch.zeros_like(recurrent[:, : self.hidden])
        for at, (forward, backward) in enumerate(self._layers()):
            given = self._given(at, inputs)
            ahead, last = forward.whole(given, lengths, start)
            back, first = backward.whole(_gathered(given, turned), lengths, start)
            inputs = torch.cat([ahead, _gathered(back, turned)], 2)
        return torch.where((lengths > 0).unsqueeze(1), torch.cat([last, first], 1), recurrent)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        inputs, turned, rows = features, _turned(features, lengths), lengths.cpu()
        real = counting(features[:, :, 0]) < lengths.unsqueeze(1)
        start = torch.zeros_like(recurrent[:, : self.hidden])
        for at, (forward, backward) in enumerate(self._layers()):
            given = self._given(at, inputs, real)
            given = self.dropout(given) if at else given
            ahead, last = forward.ragged(given, lengths, rows, start, self._held(given))
            back, first = backward.ragged(_gathered(given, turned), lengths, rows, start, self._held(given))
            inputs = torch.cat([ahead, _gathered(back, turned)], 2)
        return inputs, torch.cat([last, first], 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        del features, recurrent
        raise CannotStream(
            "bi-gru reads a history from its end too, so a new reading changes what it made of all earlier ones: give "
            "`sequence` the whole history, or take an architecture that streams"
        )

    def output(self, recurrent: Tensor) -> Tensor:
        return recurrent

    def _given(self, at: int, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        if at == 0:
            return inputs
        normal: Tensor = self.norms[at - 1](inputs, real)
        return normal

    def _held(self, like: Tensor) -> Tensor | None:
        return zoned_out(self.zoneout, like, self.hidden) if self.training and self.zoneout else None

    def _layers(self) -> Iterator[tuple[GRULayer, GRULayer]]:
        yield from zip(self.forwards, self.backwards, strict=True)


def _turned(features: Tensor, lengths: Tensor) -> Tensor:
    """For each step the one that takes its place when its row is turned round, (batch, time); padding stays."""
    steps = counting(features[:, :, 0])
    return torch.where(steps < lengths.unsqueeze(1), lengths.unsqueeze(1) - 1 - steps, steps)


def _gathered(values: Tensor, places: Tensor) -> Tensor:
    return values.gather(1, places.unsqueeze(2).expand(-1, -1, values.size(2)))
