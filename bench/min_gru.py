"""A training step of the minimal GRU, which scans a row in parallel, beside that of the GRU, at growing lengths.

    python -m bench.min_gru [--width 64] [--batch 16]

Forward and backward of one recurrent layer alone, on the same rows, one thread; both kinds in turn, the median counts.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor

from bench.machine import taken
from models.layers.gru import GRULayer
from models.layers.layer import Layer
from models.layers.min_gru import MinGRULayer

LENGTHS = (128, 256, 512, 1024, 2048)
ROUNDS = 9  # after one that does not count


def step(layer: Layer, inputs: Tensor, lengths: Tensor, state: Tensor) -> float:
    """Seconds of processor time of one forward and backward pass over full rows (batch, time, width)."""
    layer.zero_grad(set_to_none=True)
    started = time.process_time()
    outputs, _ = layer.ragged(inputs, lengths, lengths, state)
    outputs.square().mean().backward()
    return time.process_time() - started


def measure(length: int, width: int, batch: int) -> dict[str, float]:
    """Median seconds of a step by kind."""
    torch.manual_seed(0)
    layers: dict[str, Layer] = {"gru": GRULayer(width, width), "min-gru": MinGRULayer(width, width)}
    inputs, state = torch.randn(batch, length, width, requires_grad=True), torch.zeros(batch, width)
    lengths = torch.full((batch,), length)
    spent: dict[str, list[float]] = {name: [] for name in layers}
    for _ in range(ROUNDS + 1):
        for name, layer in layers.items():
            spent[name].append(step(layer, inputs, lengths, state))
    return {name: statistics.median(times[1:]) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    chosen, _ = parser.parse_known_args()
    torch.set_num_threads(1)
    print(f"{taken()}; width {chosen.width}, {chosen.batch} rows")
    print(f"{'steps':>6} {'gru':>10} {'min-gru':>10} {'ratio':>7}")
    for length in LENGTHS:
        found = measure(length, chosen.width, chosen.batch)
        gru, minimal = found["gru"], found["min-gru"]
        print(f"{length:6d} {gru * 1e3:7.1f} ms {minimal * 1e3:7.1f} ms {minimal / gru:7.2f}", flush=True)


if __name__ == "__main__":
    main()
