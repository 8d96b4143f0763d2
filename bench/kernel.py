"""The step by itself, without a service: against replaying the window, against its multiplications, and by batch.

    python -m bench.kernel [--out FOLDER]

One thread, the native step and ONNX Runtime's in turn in one run. The floor is the multiplications of a row's products
at the rate of the processor's own arithmetic (bench/peak.c, compiled and run then and there), which no product of
matrices reaches. The plot: rows a second by batch.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import matplotlib as mpl
from safetensors.numpy import load_file

from bench.curves import FOLDER, command, finish
from bench.load.row import Row, met
from bench.load.setting import Setting
from bench.machine import taken
from bench.step import REPLAYED, measured, replaying, stepping
from service.bundle import STEP_WEIGHTS, Bundle
from service.runtimes import Runtime, open_runtime

ALONE, TOGETHER = 1, 256
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
LEAST_TOGETHER, LEAST_ALONE, MOST_FLOORS = 500.0, 40.0, 3.0  # goals
PEAK = Path(__file__).with_name("peak.c")


def measure(setting: Setting, folder: Path = FOLDER, note: str = "") -> list[Row]:
    """The rows, and the plot into the folder."""
    mpl.use("agg")  # no display is needed
    bundle = Bundle.open(setting.bundle)
    native, graph = (open_runtime(name, bundle) for name in ("native", "onnx"))
    over = {batch: replay_over_step(native, batch) for batch in (TOGETHER, ALONE)}
    floor = multiplications(bundle) / rate()
    step = {name: by_batch(runtime) for name, runtime in (("native", native), ("ONNX Runtime", graph))}
    folder.mkdir(exist_ok=True)
    plot(step, folder / "batch.png", note or taken())
    floors = step["native"][TOGETHER] / TOGETHER / floor
    each = {name: f"{found[TOGETHER] / TOGETHER * 1e6:.2f}" for name, found in step.items()}
    alone = {name: f"{found[ALONE] * 1e6:.1f}" for name, found in step.items()}
    return [
        Row(
            "kernel",
            f"one streamed reading against replaying {REPLAYED}, compute alone: both at batch {TOGETHER} / both alone",
            "≥ 500 × / ≥ 40 ×",
            f"{over[TOGETHER]:,.0f} × / {over[ALONE]:,.0f} ×",
            met([over[TOGETHER], over[ALONE]], [LEAST_TOGETHER, LEAST_ALONE]),
        ),
        Row(
            "kernel",
            f"the step with all its features against the arithmetic floor, batch {TOGETHER}",
            "≤ 3 ×",
            f"{floors:.1f} × of {floor * 1e6:.2f} µs a row",
            met([floors], [MOST_FLOORS], most=True),
        ),
        Row(
            "kernel",
            f"… µs a row at batch {TOGETHER}, alone: native; ONNX Runtime",
            "–",
            f"{each['native']}, {alone['native']}; {each['ONNX Runtime']}, {alone['ONNX Runtime']}",
        ),
    ]


def replay_over_step(runtime: Runtime, batch: int) -> float:
    """How often a step of so many rows goes into the replay of their windows."""
    (step,) = measured([stepping(runtime, batch)], repeat=max(3, 2000 // batch))
    (replay,) = measured([replaying(runtime, batch)], repeat=1, rounds=3)
    return replay.least / step.least


def by_batch(runtime: Runtime) -> dict[int, float]:
    """Seconds of a step by its rows."""
    return {batch: measured([stepping(runtime, batch)], repeat=max(3, 1000 // batch))[0].least for batch in BATCHES}


def multiplications(bundle: Bundle) -> int:
    """Of one row in all its products."""
    weights = load_file(bundle.path / STEP_WEIGHTS)
    return sum(weight.size for weight in weights.values() if weight.ndim == 2)


def rate() -> float:
    """Multiplications with addition that one core does in a second, in the widest registers it has."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        build = ["cc", "-O3", "-march=native", "-ffp-contract=fast", str(PEAK), "-o", str(program)]
        subprocess.run(build, check=True, capture_output=True)
        return float(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


def plot(found: dict[str, dict[int, float]], path: Path, note: str) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, seconds in found.items():
        axes.plot(BATCHES, [batch / seconds[batch] for batch in BATCHES], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="rows in a batch", ylabel="steps a second, one core")
    axes.set_xticks(BATCHES, [f"{batch:,}" for batch in BATCHES])
    axes.minorticks_off()
    finish(figure, axes, "Throughput of the step against its batch, compute alone", path, note)


if __name__ == "__main__":
    command(__doc__, measure)
