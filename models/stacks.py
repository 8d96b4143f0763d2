"""Blocks of GRU layers one after the other: the stack of a GRU cut into pieces that have a place each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.layers.gru import GRULayer
from models.recurrent import RecurrentForecaster
from models.stack import Stack


class StacksForecaster(RecurrentForecaster):
    """`stacks` (2, 2) computes what four layers compute; each block's state is a slice of its own.

    A block has an initial value that is learned, and can be placed on a device of its own.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        if not config.stacks or min(config.stacks) < 1:
            raise ValueError(f"stacks are layers of each block, such as 2,2; not {config.stacks}")
        super().__init__(config, output=config.hidden)
        sizes = [self.features.size] + [config.hidden] * (len(config.stacks) - 1)
        self.blocks: list[Stack] = nn.ModuleList(  # type: ignore[assignment]
            Stack(GRULayer, config, size, layers, first=at == 0)
            for at, (size, layers) in enumerate(zip(sizes, config.stacks, strict=True))
        )
        self.starts = nn.ParameterList(torch.zeros(block.size) for block in self.blocks)
        self.devices: tuple[torch.device, ...] = ()

    def place(self, devices: Sequence[torch.device | str]) -> None:
        """Puts each block on a device of its own; what flows between them is moved along.

        The shared parts and the states stay where they are. A graph is exported from a model that is in one place.
        """
        if len(devices) != len(self.blocks):
            raise ValueError(f"{len(self.blocks)} blocks need {len(self.blocks)} devices, not {len(devices)}")
        self.devices = tuple(torch.device(device) for device in devices)
        for block, device in zip(self.blocks, self.devices, strict=True):
            block.to(device)

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        return [(f"block.{at + 1}", block.size) for at, block in enumerate(self.blocks)]

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        layers = [size for block in self.blocks for _, size in block.gates[:: len(GRULayer.gates)]]
        return [(f"{at + 1}.{gate}", size) for at, size in enumerate(layers) for gate in GRULayer.gates]

    def rest(self) -> Tensor:
        return torch.cat([start.to(self.memory.places.device) for start in self.starts])

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        last = []
        for at, (block, before) in enumerate(zip(self.blocks, self._split(recurrent), strict=True)):
            features, after = block.whole(self._at(at, features), self._at(at, lengths), self._at(at, before))
            last.append(self._back(after, recurrent))
        return torch.cat(last, 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        last: list[Tensor] = []
        gates: list[Tensor] = []
        for at, (block, before) in enumerate(zip(self.blocks, self._split(recurrent), strict=True)):
            features, after, shown = block.step(self._at(at, features), self._at(at, before))
            last.append(self._back(after, recurrent))
            gates.extend(self._back(gate, recurrent) for gate in shown)
        return torch.cat(last, 1), torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        last = []
        for at, (block, before) in enumerate(zip(self.blocks, self._split(recurrent), strict=True)):
            features, after = block.ragged(self._at(at, features), self._at(at, lengths), self._at(at, before))
            last.append(self._back(after, recurrent))
        return self._back(features, recurrent), torch.cat(last, 1)

    def output(self, recurrent: Tensor) -> Tensor:
        parts = [block.visible(before) for block, before in zip(self.blocks, self._split(recurrent), strict=True)]
        return torch.stack(parts, 1).sum(1)

    def _split(self, recurrent: Tensor) -> tuple[Tensor, ...]:
        return torch.split(recurrent, [block.size for block in self.blocks], 1)

    def _at(self, block: int, values: Tensor) -> Tensor:
        return values.to(self.devices[block]) if self.devices else values

    def _back(self, values: Tensor, like: Tensor) -> Tensor:
        return values.to(like.device) if self.devices else values
