"""One streamed reading on a CUDA device with the states resident there, beside what its memory and arithmetic allow.

    python -m bench.cuda [--device cpu] [--batches 1 256]

GRU 2 x 64, features of hourly data, horizon 24, quantiles .1, .5, .9. `graph` is the step alone, to its end on the
device; `turn` is what the engine does: rows gathered from the arena, readings carried there, the step, rows scattered
back, forecasts carried home. The floor: each state read and written once at the speed of a copy measured here, and the
products of the recurrent layers and the decoder at the speed of a product measured here; the larger of the two.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.machine import taken
from bench.step import untrained
from service.bundle import Bundle
from service.runtimes.torch_script import TorchScriptRuntime

BATCHES = (1, 256, 4_096, 65_536, 262_144, 1_000_000)
HIDDEN = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = untrained(Path(folder) / "cuda.bundle", hidden=HIDDEN, quantiles=(0.1, 0.5, 0.9))
        runtime = TorchScriptRuntime(Bundle.open(path), chosen.device)
        copied, multiplied = ceilings(chosen.device)
        state = len(runtime.bundle.initial)
        weights = multiplications(runtime)
        device = torch.cuda.get_device_name() if chosen.device == "cuda" else "the processor"
        print(f"{taken()}; on {device}, torch {torch.__version__}")
        print(f"copy {copied / 1e12:.2f} TB/s, float32 products {multiplied / 1e12:.1f} TFLOP/s")
        print(f"state of {state} numbers, {weights:,} multiplications a row")
        print(f"{'batch':>9} {'graph':>12} {'floor':>12} {'ratio':>7} {'turn':>12} {'readings/s':>14}")
        for batch in chosen.batches:
            graph, turn = measure(runtime, batch)
            floor = batch * max(2 * 4 * state / copied, 2 * weights / multiplied)
            print(
                f"{batch:9,d} {graph * 1e3:9.3f} ms {floor * 1e3:9.3f} ms {graph / floor:7.1f} {turn * 1e3:9.3f} ms"
                f" {batch / turn:14,.0f}"
            )


def measure(runtime: TorchScriptRuntime, batch: int) -> tuple[float, float]:
    """Median seconds of the step graph, and of a whole turn of the engine."""
    random = np.random.default_rng(0)
    arena = runtime.arena(batch + 1)
    slots = np.arange(1, batch + 1)
    for at in range(3):
        values, times = random.normal(50, 5, (batch, 1)), np.full(batch, 3_600 * at)
        _, states = runtime.step(values, times, arena.gather(slots))
        arena.scatter(slots, states)
    values, times = random.normal(50, 5, (batch, 1)), np.full(batch, 3_600 * 3)
    reading, now = (torch.from_numpy(each).to(runtime.device) for each in (values, times))
    states = arena.gather(slots)

    def graph() -> None:
        with torch.inference_mode():
            runtime._model.step(reading, now, states)

    def turn() -> None:
        _, after = runtime.step(values, times, arena.gather(slots))
        arena.scatter(slots, after)

    return timed(graph), timed(turn)


def timed(call: Callable[[], object], repeat: int = 15) -> float:
    """Median seconds until the device is done, after three calls that do not count."""
    rounds = []
    for _ in range(repeat + 3):
        wait()
        start = time.perf_counter()
        call()
        wait()
        rounds.append(time.perf_counter() - start)
    return statistics.median(rounds[3:])


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ceilings(device: str) -> tuple[float, float]:
    """Bytes a second of a copy, read and written, and float32 operations a second of a product, on this device."""
    size = 256 * 2**20 if device == "cuda" else 2**24
    here = torch.rand(size, device=device)
    there = torch.empty_like(here)
    copied = 2 * here.numel() * 4 / timed(lambda: there.copy_(here))
    side = 8_192 if device == "cuda" else 1_024
    a, b = (torch.randn(side, side, device=device) for _ in range(2))
    return copied, 2 * side**3 / timed(lambda: a @ b)


def multiplications(runtime: TorchScriptRuntime) -> int:
    """Of one row through the matrices of the net: what no way of computing it leaves out."""
    shared = runtime._model.state_dict()
    return sum(weight.numel() for name, weight in shared.items() if weight.ndim == 2 and "weight" in name)


if __name__ == "__main__":
    main()
