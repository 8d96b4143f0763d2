"""One streamed reading on a CUDA device with the states resident there, beside what its memory and arithmetic allow.

    python -m bench.cuda

GRU 2 x 64, features of hourly data, horizon 24, quantiles .1, .5, .9. `graph` is the step alone, timed by the device;
`turn` is what the engine does: rows gathered from the arena, readings carried there, the step, rows scattered back,
forecasts carried home. The floor: each state read and written once at the speed of a copy measured here, and the
products of the recurrent layers and the decoder at the speed of a product measured here; the larger of the two.
"""

from __future__ import annotations

import statistics
import tempfile
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
    with tempfile.TemporaryDirectory() as folder:
        path = untrained(Path(folder) / "cuda.bundle", hidden=HIDDEN, quantiles=(0.1, 0.5, 0.9))
        runtime = TorchScriptRuntime(Bundle.open(path), "cuda")
        copied, multiplied = ceilings()
        state = len(runtime.bundle.initial)
        weights = multiplications(runtime)
        print(f"{taken()}; {torch.cuda.get_device_name()}, torch {torch.__version__}")
        print(f"copy {copied / 1e12:.2f} TB/s, float32 products {multiplied / 1e12:.1f} TFLOP/s")
        print(f"state of {state} numbers, {weights:,} multiplications a row")
        print(f"{'batch':>9} {'graph':>12} {'floor':>12} {'ratio':>7} {'turn':>12} {'readings/s':>14}")
        for batch in BATCHES:
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
    reading, now = torch.from_numpy(values).cuda(), torch.from_numpy(times).cuda()
    states = arena.gather(slots)

    def graph() -> None:
        with torch.inference_mode():
            runtime._model.step(reading, now, states)

    def turn() -> None:
        _, after = runtime.step(values, times, arena.gather(slots))
        arena.scatter(slots, after)

    return timed(graph), timed(turn)


def timed(call: Callable[[], object], repeat: int = 15) -> float:
    """Median seconds by the device's own clock, after three calls that do not count."""
    taken_times = []
    for at in range(repeat + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        if at >= 3:
            taken_times.append(start.elapsed_time(end) / 1e3)
    return statistics.median(taken_times)


def ceilings() -> tuple[float, float]:
    """Bytes a second of a copy, read and written, and float32 operations a second of a product, on this device."""
    here = torch.empty(256 * 2**20, device="cuda")
    there = torch.empty_like(here)
    copied = 2 * here.numel() * 4 / timed(lambda: there.copy_(here))
    a, b = (torch.randn(8_192, 8_192, device="cuda") for _ in range(2))
    return copied, 2 * 8_192**3 / timed(lambda: a @ b)


def multiplications(runtime: TorchScriptRuntime) -> int:
    """Of one row through the matrices of the net: what no way of computing it leaves out."""
    shared = runtime._model.state_dict()
    return sum(weight.numel() for name, weight in shared.items() if weight.ndim == 2 and "weight" in name)


if __name__ == "__main__":
    main()
