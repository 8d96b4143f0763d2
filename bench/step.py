"""One streamed reading against replaying the window, compute alone, on the same bundle in the same run.

    python -m bench.step [BUNDLE]

Without a bundle an untrained model is exported: GRU 2 x 96, features of hourly data, horizon 24, 11 quantiles.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.machine import taken
from service.bundle import Bundle
from service.runtimes import Runtime, open_runtime

REPLAYED = 512  # readings that a stateless endpoint runs through for every forecast
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--runtime", default="onnx")
    parser.add_argument("--threads", type=int, default=1)
    chosen, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.bundle or untrained(Path(folder) / "step.bundle")
        runtime = open_runtime(chosen.runtime, Bundle.open(path), threads=chosen.threads)
        print(
            f"{taken()}; runtime {runtime.name}, {chosen.threads} thread(s), "
            f"state of {len(runtime.bundle.initial)} numbers"
        )
        print(f"{'batch':>6} {'step':>12} {'a row':>10} {'replay of 512':>15} {'ratio':>8}")
        for batch in (1, 16, 64, 256, 1024):
            stepped, replayed = measure(runtime, batch, with_replay=batch <= 256)
            ratio = f"{replayed / stepped:7.0f}x" if replayed else "       –"
            whole = f"{replayed * 1e6:12.0f} µs" if replayed else "              –"
            print(f"{batch:6d} {stepped * 1e6:9.0f} µs {stepped / batch * 1e6:7.2f} µs {whole} {ratio}")


def measure(runtime: Runtime, batch: int, with_replay: bool) -> tuple[float, float]:
    """Median seconds of one step of `batch` rows, and of replaying the window for them (0 if not asked)."""
    random = np.random.default_rng(0)
    values = random.normal(size=(batch, REPLAYED, runtime.bundle.width)).cumsum(axis=1)
    times = np.tile(3_600 * np.arange(REPLAYED), (batch, 1))
    lengths = np.full(batch, REPLAYED, dtype=np.int64)
    fresh = runtime.states(np.tile(runtime.bundle.initial, (batch, 1)))
    _, states = runtime.sequence(values, times, lengths, fresh)
    reading, now = values[:, 0].copy(), times[:, 0].copy()
    stepped = median(lambda: runtime.step(reading, now, states), repeat=max(3, 2000 // batch))
    replayed = median(lambda: runtime.sequence(values, times, lengths, fresh), repeat=1) if with_replay else 0.0
    return stepped, replayed


def median(call: Callable[[], object], repeat: int) -> float:
    """Median over rounds of the mean time of a call, in seconds, after one round that does not count."""
    rounds = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        rounds.append((time.perf_counter() - start) / repeat)
    return statistics.median(rounds[1:])


def untrained(path: Path, **chosen: object) -> Path:
    """A bundle for hourly series with weights as they start; `chosen` overrides the default configuration."""
    from datasets.frequency import Frequency
    from export.golden import Stretch
    from export.writer import Description, write_bundle
    from models.config import implied_config
    from models.registry import build

    model = build(implied_config(Frequency.parse("1h"), 24, span=1e7, **chosen))
    wave = 10 * np.sin(np.arange(1_200) / 24 * 2 * np.pi)[:, None] + np.random.default_rng(1).normal(size=(1_200, 1))
    write_bundle(model, Description("step", "y", None, {}, {}), [Stretch(0, wave)], path)
    return path


if __name__ == "__main__":
    main()
