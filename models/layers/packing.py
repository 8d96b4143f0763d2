"""Ragged rows without their padding, for PyTorch's fused operators."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

MOSTLY_FULL = 0.5  # share of real steps above which the CPU runs padded rows faster than packed ones


def packs(inputs: Tensor, rows: Tensor, mostly_full: float = MOSTLY_FULL) -> bool:
    """Whether packing saves time: on CUDA always, on the CPU where most steps are padding."""
    return inputs.is_cuda or int(rows.sum()) < mostly_full * inputs.size(0) * inputs.size(1)


def packed(fused: nn.Module, inputs: Tensor, rows: Tensor, start: Any) -> tuple[Tensor, Any]:
    """Runs `fused` over rows (batch, time, inputs) of lengths `rows`; outputs are zero behind a row's end."""
    given = pack_padded_sequence(inputs, rows, batch_first=True, enforce_sorted=False)
    outputs, last = fused(given, start)
    outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=inputs.size(1))
    return outputs, last
