"""One streamed reading against replaying the window, and runtimes beside each other, on the same bundle in one run.

    python -m bench.step [BUNDLE] [--runtime native onnx]

Without a bundle an untrained model is exported: the default net or `--hidden`, features of hourly data, horizon 24.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from bench.machine import taken
from service.bundle import Bundle
from service.runtimes import AUTO, Runtime, open_runtime

REPLAYED = 512  # readings that a stateless endpoint runs through for every forecast
BATCHES = (1, 16, 64, 256, 1024)
LARGEST_REPLAY = 256
ROUNDS = 9


class Times(NamedTuple):
    """Seconds of one call over the rounds of a run."""

    least: float
    median: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--runtime", nargs="+", default=[AUTO], help="the last one is what the others are held against")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hidden", type=int)
    parser.add_argument("--quantiles", nargs="+", type=float)
    chosen, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        shape = {"hidden": chosen.hidden, "quantiles": tuple(chosen.quantiles) if chosen.quantiles else None}
        path = chosen.bundle or untrained(Path(folder) / "step.bundle", **shape)
        bundle = Bundle.open(path)
        runtimes = [open_runtime(name, bundle, threads=chosen.threads) for name in chosen.runtime]
        print(f"{taken()}; {chosen.threads} thread(s), state of {len(bundle.initial)} numbers; least time (median)")
        for batch in BATCHES:
            report(runtimes, batch)


def report(runtimes: Sequence[Runtime], batch: int) -> None:
    """Prints a line for each runtime, all measured in turn."""
    stepped = measured([stepping(runtime, batch) for runtime in runtimes], repeat=max(3, 2000 // batch))
    replayed: list[Times | None] = [None] * len(runtimes)
    if batch <= LARGEST_REPLAY:
        replayed = list(measured([replaying(runtime, batch) for runtime in runtimes], repeat=1, rounds=3))
    for runtime, step, replay in zip(runtimes, stepped, replayed, strict=True):
        beside = f"{stepped[-1].least / step.least:5.1f}x ({stepped[-1].median / step.median:.1f}x) {runtimes[-1].name}"
        whole = f"replay of {REPLAYED} {replay.least * 1e6:9.0f} µs {replay.least / step.least:6.0f}x" if replay else ""
        print(
            f"{runtime.name:>12} batch {batch:5d}: step {step.least * 1e6:7.1f} µs ({step.median * 1e6:.1f}), a row "
            f"{step.least / batch * 1e6:7.2f} µs ({step.median / batch * 1e6:.2f})  {beside}  {whole}"
        )


def stepping(runtime: Runtime, batch: int, seen: int = REPLAYED) -> Callable[[], object]:
    """One step of `batch` rows that have seen a window, each at a time of its own."""
    values, times, lengths, fresh = history(runtime, batch, seen)
    _, states = runtime.sequence(values, times, lengths, fresh)
    reading, now = values[:, 0].copy(), times[:, 0] + 3_600 * (seen + np.arange(batch))
    return lambda: runtime.step(reading, now, states)


def replaying(runtime: Runtime, batch: int) -> Callable[[], object]:
    """The whole window of `batch` rows."""
    inputs = history(runtime, batch)
    return lambda: runtime.sequence(*inputs)


def history(runtime: Runtime, batch: int, steps: int = REPLAYED) -> tuple[np.ndarray, np.ndarray, np.ndarray, object]:
    values = np.random.default_rng(0).normal(size=(batch, steps, runtime.bundle.width)).cumsum(axis=1)
    times = np.tile(3_600 * np.arange(steps), (batch, 1))
    fresh = runtime.states(np.tile(runtime.bundle.initial, (batch, 1)))
    return values, times, np.full(batch, steps, dtype=np.int64), fresh


def measured(calls: Sequence[Callable[[], object]], repeat: int, rounds: int = ROUNDS) -> list[Times]:
    """Of each call, in turn round after round; the first round does not count."""
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 1):
        for at, call in enumerate(calls):
            start = time.perf_counter()
            for _ in range(repeat):
                call()
            found[at].append((time.perf_counter() - start) / repeat)
    return [Times(min(spent[1:]), median(spent[1:])) for spent in found]


def untrained(path: Path, frequency: str = "1h", **chosen: Any) -> Path:
    """A bundle for such series, with weights as they start; `chosen` overrides the default configuration."""
    from datasets.frequency import Frequency
    from export.description import Description
    from export.golden import Stretch
    from export.writer import write_bundle
    from models.config import implied_config
    from models.registry import build

    model = build(implied_config(Frequency.parse(frequency), 24, span=1e7, **chosen))  # what is None is not chosen
    wave = 10 * np.sin(np.arange(1_200) / 24 * 2 * np.pi)[:, None] + np.random.default_rng(1).normal(size=(1_200, 1))
    write_bundle(model, Description("step", "y", None, {}, {}), [Stretch(0, wave)], path)
    return path


if __name__ == "__main__":
    main()
