"""GRU layers of any widths with residual connections around each, by a projection where widths differ."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.layers.dropout import Dropout
from models.layers.gru import GRULayer
from models.layers.layer import at_end
from models.layers.norm import Normalisation
from models.layers.zoneout import zoned_out
from models.recurrent import RecurrentForecaster


class ResidualGRUForecaster(RecurrentForecaster):
    """Each layer's output is P x + h, with P the identity where the widths are equal and learned where they are not.

    What the last layer puts out hangs on the inputs too, so it is kept in the state.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        widths = config.widths or (config.hidden,) * config.layers
        if min(widths) < 1:
            raise ValueError(f"widths are units of each layer, such as 96,64; not {config.widths}")
        super().__init__(config, output=widths[-1])
        self.widths = list(widths)
        sizes = [self.features.size, *widths[:-1]]
        self.layers: list[GRULayer] = nn.ModuleList(map(GRULayer, sizes, widths))  # type: ignore[assignment]
        self.norms = nn.ModuleList(Normalisation(config.normalisation, size) for size in widths[:-1])
        self.around = nn.ModuleList(
            nn.Identity() if size == width else nn.Linear(size, width, bias=False)
            for size, width in zip(sizes, widths, strict=True)
        )
        self.zoneout = config.zoneout
        self.dropout = Dropout(config.dropout)
        for layer in self.layers:
            layer.start(longest_memory=config.window)

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        hidden = [(f"hidden.{at + 1}", width) for at, width in enumerate(self.widths)]
        return [*hidden, ("output", self.widths[-1])]

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        return [(f"{at + 1}.{gate}", width) for at, width in enumerate(self.widths) for gate in GRULayer.gates]

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        *states, output = self._split(recurrent)
        last, inputs = [], features
        for at, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            outputs, after = layer.whole(self._given(at, inputs), lengths, before)
            last.append(after)
            inputs = self.around[at](inputs) + outputs
        return torch.cat([*last, at_end(output, inputs, lengths)], 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        *states, _ = self._split(recurrent)
        last, gates, inputs = [], [], features
        for at, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            after, shown = layer.step(self._given(at, inputs), before)
            last.append(after)
            gates.extend(shown)
            inputs = self.around[at](inputs) + after
        return torch.cat([*last, inputs], 1), torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        *states, output = self._split(recurrent)
        rows = lengths.cpu()
        real = torch.arange(features.size(1), device=lengths.device) < lengths.unsqueeze(1)
        last, inputs = [], features
        for at, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            given = self._given(at, inputs, real)
            held = zoned_out(self.zoneout, given, layer.width) if self.training and self.zoneout else None
            outputs, after = layer.ragged(self.dropout(given) if at else given, lengths, rows, before, held)
            last.append(after)
            inputs = self.around[at](inputs) + outputs
        return inputs, torch.cat([*last, at_end(output, inputs, lengths)], 1)

    def output(self, recurrent: Tensor) -> Tensor:
        return self._split(recurrent)[-1]

    def _given(self, at: int, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        if at == 0:
            return inputs
        normal: Tensor = self.norms[at - 1](inputs, real)
        return normal

    def _split(self, recurrent: Tensor) -> tuple[Tensor, ...]:
        return torch.split(recurrent, [*self.widths, self.widths[-1]], 1)
