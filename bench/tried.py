"""What else might compute the step, beside the kernel: how fast it is, and how far from the model.

    python -m bench.tried [--write]

One thread, batches of 1 and 256, all in turn in one run. Each is also streamed over the same readings from its own
states, and its forecasts held to torch's in float32: deviations in tolerances, of which 1 is what is promised.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import section
from bench.load.setting import LEVELS
from bench.machine import beside, taken
from bench.step import measured
from datasets.frequency import Frequency
from export.golden import Stretch
from export.verify import TOLERANCE
from export.writer import Description, write_bundle
from models.config import implied_config
from models.forecaster import Forecaster
from models.registry import build
from service.bundle import STEP_ONNX, Bundle
from service.runtimes import open_runtime
from service.runtimes.onnx import FORECAST, Graph

BATCHES, STREAMED, SCALE = (1, 256), 100, 10.0  # rows; readings of each, and their scale

Array = NDArray[np.generic]
Step = Callable[[Array, Array, Array], tuple[Array, Array]]  # values, times and states to quantiles and states


class Stepping(nn.Module):
    """The step of a model as a module, with its products in float32 or in bfloat16."""

    def __init__(self, model: Forecaster, half: bool = False) -> None:
        super().__init__()
        self.model, self.half = model, half

    def forward(self, values: Tensor, times: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16) if self.half else nullcontext():
            return self.model.step(values, times, state)[:2]


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of compilers and converters, about themselves
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, bundle = made(folder)
        steps: dict[str, Step] = {}
        for what, build in {
            "the kernel (`native`)": lambda: open_runtime("native", bundle).step,
            "ONNX Runtime, `step.onnx`": lambda: open_runtime("onnx", bundle).step,
            "torch, AOTInductor": lambda: inductor(Stepping(model), folder / "whole.pt2"),
            "torch, AOTInductor, products in bfloat16": lambda: inductor(Stepping(model, True), folder / "half.pt2"),
            "ONNX Runtime, int8 weights by channel": lambda: quantised(bundle),
        }.items():
            try:
                steps[what] = build()
            except (RuntimeError, OSError, ImportError, ValueError) as fault:  # no g++, say: the others are measured
                print(f"{what}: {type(fault).__name__}: {str(fault)[:300]}")
        off = deviations(steps, torched(Stepping(model)), bundle.initial)
        one, many = (times_of(steps, bundle.initial, batch) for batch in BATCHES)
    head = f"| one step, one thread | alone | a row of {BATCHES[1]} | off by, in tolerances |"
    lines = [taken() + beside(), "", head, "| --- | ---: | ---: | ---: |"]
    lines += [f"| {what} | {one[what]:.1f} µs | {many[what] / BATCHES[1]:.2f} µs | {off[what]:.2g} |" for what in steps]
    print("\n".join(lines))
    if "--write" in sys.argv:
        section.write("bench.tried", lines)


def made(folder: Path) -> tuple[Forecaster, Bundle]:
    """The benchmark's model, with weights as they start, and its bundle."""
    torch.manual_seed(0)
    model = build(implied_config(Frequency.parse("1h"), 24, span=1e7, hidden=64, quantiles=LEVELS)).eval()
    told, wave = Description("tried", "y", None, {}, {}), np.sin(np.arange(1_200) / 4)[:, None]
    return model, write_bundle(model, told, [Stretch(0, wave)], folder / "tried.bundle")


def inductor(module: Stepping, package: Path) -> Step:
    """Compiled ahead of time with torch's own compiler, at any batch; needs g++."""
    state = module.model.initial().detach().repeat(BATCHES[1], 1)
    given = torch.zeros(len(state), 1, dtype=torch.float64), torch.arange(len(state)) * 3_600, state
    with torch.no_grad():
        program = torch.export.export(module, given, dynamic_shapes=({0: torch.export.Dim("rows")},) * len(given))
    constant = {"freezing": True}  # the weights
    built = torch._inductor.aoti_compile_and_package(program, package_path=str(package), inductor_configs=constant)
    return torched(torch._inductor.aoti_load_package(built))


def torched(step: Callable[..., tuple[Tensor, ...]]) -> Step:
    def run(*inputs: Array) -> tuple[Array, Array]:
        with torch.inference_mode():
            quantiles, after = step(*map(torch.from_numpy, inputs))
        return quantiles.numpy(), after.numpy()

    return run


def quantised(bundle: Bundle) -> Step:
    """Of its products, with the inputs quantised as they come."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    graph_file = onnx.load(bundle.path / STEP_ONNX)
    del graph_file.graph.value_info[:]  # the quantiser turns weights round and would hold them to their old shapes
    quantize_dynamic(graph_file, bundle.path / "int8.onnx", per_channel=True)
    graph = Graph(bundle, "int8.onnx", threads=1)
    return lambda *inputs: tuple(graph.run(FORECAST, dict(zip(("values", "times", "state"), inputs, strict=True))))


def deviations(steps: dict[str, Step], model: Step, initial: Array) -> dict[str, float]:
    """The largest of each over all rows, readings, horizons and quantiles: |a - b| / (1e-5 (scale + |b|))."""
    rows = BATCHES[1]
    walk = np.random.default_rng(0).normal(size=(STREAMED, rows, 1)).cumsum(axis=0)
    series = 50 + walk + SCALE * np.sin(np.arange(STREAMED) / 24 * 2 * np.pi)[:, None, None]
    states, worst = {what: np.tile(initial, (rows, 1)) for what in ("", *steps)}, dict.fromkeys(steps, 0.0)
    for at, values in enumerate(series):
        times = np.arange(rows) * 86_400 + at * 3_600
        expected, states[""] = model(values, times, states[""])
        bound = TOLERANCE * (SCALE + np.abs(expected))
        for what, step in steps.items():
            found, states[what] = step(values, times, states[what])
            worst[what] = max(worst[what], float((np.abs(found - expected) / bound).max()))
    return worst


def times_of(steps: dict[str, Step], initial: Array, batch: int) -> dict[str, float]:
    """Microseconds of a step of so many rows, the least of the rounds."""
    given = np.full((batch, 1), 50.0), np.arange(batch) * 3_600, np.tile(initial, (batch, 1))
    found = measured([partial(step, *given) for step in steps.values()], repeat=max(20, 1_000 // batch))
    return {what: each.least * 1e6 for what, each in zip(steps, found, strict=True)}


if __name__ == "__main__":
    main()
