"""The default architecture: stacked single-layer GRUs with residual connections."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.cell import gru_cell, initialise_gru, weights
from models.config import ForecasterConfig
from models.forecaster import Forecaster

MOSTLY_FULL = 0.5  # share of real steps above which the CPU runs padded rows faster than packed ones


class GRUForecaster(Forecaster):
    """GRU layers of one width, each added to what it was given; the decoder sees their sum, so the state alone decides.

    `sequence` runs the fused `nn.GRU`, `step` our own cell on the same weights. Gates by layer: r, z, n; z near 1 keeps
    the past.
    """

    gate_names = ("r", "z", "n")

    def __init__(self, config: ForecasterConfig) -> None:
        size = config.layers * config.hidden
        super().__init__(config, recurrent=size, output=config.hidden, gates=3 * size)
        self.hidden = config.hidden
        sizes = [self.inputs(config)] + [config.hidden] * (config.layers - 1)
        self.layers = nn.ModuleList(nn.GRU(size, config.hidden, batch_first=True) for size in sizes)
        self.dropout = nn.Dropout(config.dropout)
        for layer in self.layers:
            assert isinstance(layer, nn.GRU)
            initialise_gru(layer, longest_memory=config.window)

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        states: list[Tensor] = []
        at_end = lengths.unsqueeze(1).unsqueeze(2).expand(-1, 1, self.hidden)
        inputs = features
        for index, layer in enumerate(self.layers):
            start = recurrent[:, index * self.hidden : (index + 1) * self.hidden].contiguous()
            outputs, _ = layer(inputs, start.unsqueeze(0))
            path = torch.cat([start.unsqueeze(1), outputs], 1)  # (batch, time + 1, hidden): place = length
            states.append(path.gather(1, at_end).squeeze(1))
            inputs = outputs if index == 0 else inputs + outputs
        return torch.cat(states, 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        states: list[Tensor] = []
        gates: list[Tensor] = []
        inputs = features
        for index, layer in enumerate(self.layers):
            start = recurrent[:, index * self.hidden : (index + 1) * self.hidden]
            hidden, r, z, n = gru_cell(inputs, start, *weights(layer))
            states.append(hidden)
            gates.extend([r, z, n])
            inputs = hidden if index == 0 else inputs + hidden
        return torch.cat(states, 1), torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        rows = lengths.cpu()
        packs = features.is_cuda or int(rows.sum()) < MOSTLY_FULL * features.size(0) * features.size(1)
        states: list[Tensor] = []
        inputs = features
        for index, layer in enumerate(self.layers):
            start = recurrent[:, index * self.hidden : (index + 1) * self.hidden].contiguous()
            given = self.dropout(inputs) if index else inputs
            outputs, last = _packed(layer, given, rows, start) if packs else _padded(layer, given, lengths, start)
            states.append(last)
            inputs = outputs if index == 0 else inputs + outputs
        return inputs, torch.cat(states, 1)

    def output(self, recurrent: Tensor) -> Tensor:
        return recurrent.reshape(recurrent.size(0), len(self.layers), self.hidden).sum(1)


def _packed(layer: nn.Module, inputs: Tensor, rows: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Runs ragged rows without their padding."""
    packed = pack_padded_sequence(inputs, rows, batch_first=True, enforce_sorted=False)
    outputs, last = layer(packed, start.unsqueeze(0))
    outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=inputs.size(1))
    return outputs, last.squeeze(0)


def _padded(layer: nn.Module, inputs: Tensor, lengths: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Runs ragged rows with their padding, and takes each state at its row's own end."""
    outputs, _ = layer(inputs, start.unsqueeze(0))
    at_end = (lengths - 1).unsqueeze(1).unsqueeze(2).expand(-1, 1, outputs.size(2))
    return outputs, outputs.gather(1, at_end).squeeze(1)
