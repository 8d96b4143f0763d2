"""Four ways to batch ragged series, and the default: their padding, their time, and what they learn in equal time.

    GATECAST_DATA=folder python -m bench.padding [--seconds N] [--seeds 0 1] [--write]

The histories of M4 Hourly, each cut to its most recent 50 to 960 readings by a draw of its own. `pad`, `bucket` and
`steps` take whole histories, `truncate` their last 256 steps, and each about as many real steps a batch as the default.
Seconds are of one processor core's own time, which a busy machine changes less than the clock on the wall; steps of all
strategies are timed in turn, so that it changes all alike. The training steps are as many as fit the seconds by that.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from bench.accuracy.m4_hourly import HORIZON, SEASON, read
from bench.quality import data_folder, record, table
from datasets.frequency import Frequency
from models.config import ForecasterConfig, implied_config
from models.evaluation.panel import Panel, Stretch
from models.layers.layer import Layer
from models.training.loop import Training
from models.training.settings import TrainingSettings
from models.training.trainer import prepare

SHORTEST, LONGEST = 50, 960  # readings of a history; with two seasons of them each has a seasonal scale
WHOLE = {"batch": 16, "shortest": LONGEST, "longest": LONGEST}
STRATEGIES = {
    "pad": TrainingSettings(batching="pad", **WHOLE),
    "truncate": TrainingSettings(batching="truncate", batch=40),
    "bucket": TrainingSettings(batching="bucket", **WHOLE),
    "steps": TrainingSettings(batching="steps", batch_steps=9_600, **WHOLE),
    "crops (the default)": TrainingSettings(),
}
SAMPLED = 100  # batches whose padding is counted
PACKED, PADDED = 2.0, 0.0  # share of real steps from which rows are padded: never, always
TIMED = 11  # steps of each that are timed; the median counts


def ragged(panel: Panel, seed: int) -> Panel:
    """The same series, of each only the most recent readings; validation is the last horizon, nothing is held out."""
    random = np.random.default_rng(seed)
    stretches = []
    for stretch, end in zip(panel.series, panel.validation_end, strict=True):
        length = min(int(random.integers(SHORTEST, LONGEST + 1)), end - HORIZON) + HORIZON
        stretches.append(Stretch(stretch.values[end - length : end], stretch.times[end - length : end]))
    ends = tuple(len(stretch) for stretch in stretches)
    return Panel(tuple(stretches), tuple(end - HORIZON for end in ends), ends)


def padding(training: Training) -> tuple[float, float, float]:
    """Rows and real steps of a batch in the mean, and the share of all steps that are padding."""
    batches = [training.gradient.sampler.crops(step) for step in range(SAMPLED)]
    real = sum(int(batch.lengths.sum()) for batch in batches)
    places = sum(batch.values.shape[0] * batch.values.shape[1] for batch in batches)
    return sum(len(batch.lengths) for batch in batches) / SAMPLED, real / SAMPLED, 1 - real / places


def seconds_a_step(panel: Panel, config: ForecasterConfig) -> dict[tuple[str, float], float]:
    """Time of a training step by strategy, packed (PACKED) and padded (PADDED): the same batches, all in turn."""
    runs = {
        (name, full): prepare(panel, config, settings, SEASON)
        for name, settings in STRATEGIES.items()
        for full in (PACKED, PADDED)
    }
    for (_, full), training in runs.items():
        for module in training.model.modules():
            if isinstance(module, Layer):
                module.mostly_full = full
    spent: dict[tuple[str, float], list[float]] = {key: [] for key in runs}
    for _ in range(TIMED):
        for key, training in runs.items():
            started = time.process_time()
            training._step()
            spent[key].append(time.process_time() - started)
    return {key: float(np.median(times)) for key, times in spent.items()}


def learned(panel: Panel, config: ForecasterConfig, settings: TrainingSettings, steps: int) -> float:
    """The validation loss after so many steps; the schedule ends there too."""
    training = prepare(panel, config, replace(settings, steps=steps, validate_every=steps, cooldown=0.0), SEASON)
    outcome = training.run(lambda _: None, lambda _: None)
    assert outcome.place.best is not None
    return outcome.place.best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of training, for each strategy and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--write", action="store_true", help="add the result to bench/RESULTS.md")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    panel = ragged(read(data_folder("m4_hourly")), seed=0)
    config = implied_config(Frequency.parse("1h"), HORIZON, 0.0, calendar=())
    times = seconds_a_step(panel, config)
    rows = []
    for name, settings in STRATEGIES.items():
        count, real, share = padding(prepare(panel, config, settings, SEASON))
        packed, padded = times[name, PACKED], times[name, PADDED]
        steps = round(chosen.seconds / min(packed, padded))
        losses = [learned(panel, config, replace(settings, seed=seed), steps) for seed in chosen.seeds]
        rows.append(
            [
                name,
                f"{count:.0f}",
                f"{real:,.0f}",
                f"{100 * share:.1f} %",
                f"{1000 * packed:.0f} ms",
                f"{1000 * padded:.0f} ms",
                f"{packed / padded:.2f}",
                f"{1e6 * min(packed, padded) / real:.0f} µs",
                f"{steps}",
                " / ".join(f"{loss:.3f}" for loss in losses),
            ]
        )
        print(*rows[-1], flush=True)
    seeds = ", ".join(map(str, chosen.seeds))
    headings = ["ragged M4 Hourly", "rows", "real steps", "padding", "packed", "padded", "ratio"]
    headings += ["a real step", "steps", f"loss after {chosen.seconds:.0f} s (seeds {seeds})"]
    record("Batching of ragged series", table(headings, rows), chosen.write)


if __name__ == "__main__":
    main()
