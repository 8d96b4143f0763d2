"""What a model costs in service: the time of one recurrent step in ONNX Runtime, and the size of its bundle."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.description import Description
from export.golden import Stretch
from export.writer import write_bundle
from models.comparison.timing import ROUNDS, interleaved, summary
from models.forecaster import Forecaster
from service.bundle import Bundle
from service.runtimes.onnx import OnnxRuntime

BATCHES = (1, 256)
ROWS = 1_024  # that a round steps at least, one batch after the other


def serving(models: Mapping[str, Forecaster], stretches: Sequence[Stretch], reference: str) -> dict[str, Any]:
    """For each model what `served` says of its bundle, which is written to a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        bundles = {
            name: write_bundle(model, Description(name, "y", None, {}, {}), stretches, Path(folder) / name)
            for name, model in models.items()
        }
        return served(bundles, reference)


def served(
    bundles: Mapping[str, Bundle], reference: str, batches: Sequence[int] = BATCHES, rounds: int = ROUNDS
) -> dict[str, Any]:
    """For each bundle its `bundle_bytes`, and by batch the seconds of one `step` and their ratio to the reference's.

    Whole steps as the service takes them, forecast and all, on one thread of ONNX Runtime; the models step in turn, and
    the clock is the processor's own. A model that does not stream has no steps.
    """
    found: dict[str, Any] = {
        name: {"bundle_bytes": sum(file.stat().st_size for file in bundle.path.iterdir()), "steps": {}}
        for name, bundle in bundles.items()
    }
    runtimes = {name: OnnxRuntime(bundle) for name, bundle in bundles.items() if bundle.manifest.streams}
    for batch in batches:
        repeats = -(-ROWS // batch)
        works = {name: _stepping(runtime, batch, repeats) for name, runtime in runtimes.items()}
        spans = interleaved(works, time.process_time, rounds)
        each = {name: [seconds / repeats for seconds in spent] for name, spent in spans.items()}
        for name, figures in summary(each, reference).items():
            found[name]["steps"][str(batch)] = figures
    return found


def _stepping(runtime: OnnxRuntime, batch: int, repeats: int) -> Callable[[], None]:
    """Steps of random readings from the state that one of them left."""
    bundle = runtime.bundle
    values = np.random.default_rng(0).normal(size=(batch, bundle.width))
    times = np.zeros(batch, dtype=np.int64)
    _, states = runtime.step(values, times, np.tile(bundle.initial, (batch, 1)))

    def run() -> None:
        for _ in range(repeats):
            runtime.step(values, times, states)

    return run
