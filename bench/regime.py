"""The regime flag: its false alarms where nothing changes, its delay, precision and recall where something does.

    GATECAST_DATA=folder python -m bench.regime [--architecture gru] [--steps N] [--write]

A small net is trained on series without a change and exported; the gates are those of the bundle in ONNX Runtime, the
statistic is the service's own. The threshold is the lowest of a grid that keeps false alarms on one set of series
without a change below a rate; it is scored on other sets, and on the taxi data with a net trained on what lies before
their first known event.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.changes import KINDS, Changes, series
from bench.quality import data_folder, fitted, record, table
from datasets.bundled import bundled
from datasets.frequency import Frequency
from datasets.reader import read_table
from export.golden import Stretch as Golden
from export.writer import Description, write_bundle
from models.config import ForecasterConfig, implied_config
from models.evaluation.panel import Panel, Stretch
from models.training.settings import TrainingSettings
from service.bundle import Bundle
from service.regime import LOWER, RAISE, Watch
from service.runtimes import open_runtime

START = 1_404_172_800  # 2014-07-01T00:00:00
HOUR, HALF_HOUR = 3_600, 1_800
TRAINING, FIXING, SCORING = 0, 100, 200  # seeds
WITHIN = 96  # steps after a change in which the flag must go up
GRID = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0)
MOST_FALSE = 0.5  # alarms in 1,000 steps


@dataclass(frozen=True)
class Score:
    """How one threshold did on one set; rates are of steps that had a score."""

    false_rate: float  # alarms in 1,000 steps of series without a change
    flagged: float  # share of those steps with the flag up
    found: dict[str, tuple[float, float]]  # by kind: share found, median delay in steps
    precision: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="gru")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--count", type=int, default=48, help="series of each kind")
    parser.add_argument("--skip-taxi", action="store_true")
    parser.add_argument("--write", action="store_true", help="add the result to bench/RESULTS.md")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings = TrainingSettings(steps=chosen.steps)
    lines = synthetic(chosen.architecture, settings, chosen.count)
    if not chosen.skip_taxi:
        lines += ["", *taxi(chosen.architecture, settings)]
    record(f"Regime flag, {chosen.architecture}", lines, chosen.write)


def synthetic(architecture: str, settings: TrainingSettings, count: int) -> list[str]:
    """Fixes the threshold on one set, scores it on another."""
    values = series(TRAINING, count, length=1_000).values
    times = START + HOUR * np.arange(values.shape[1])
    panel = Panel(tuple(Stretch(each[:, None], times) for each in values), (800,) * count, (900,) * count)
    config = implied_config(Frequency.parse("1h"), 12, 1e6, lags=(24,), hidden=32, architecture=architecture)
    with tempfile.TemporaryDirectory() as folder:
        bundle = trained(panel, config, settings, Path(folder) / "synthetic.bundle")
        fixing, scoring = (
            {kind: (changes := series(seed + at, count, kind), scores(bundle, changes.values, HOUR))
             for at, kind in enumerate((None, *KINDS))}
            for seed in (FIXING, SCORING)
        )  # fmt: skip
    rates = {level: score(fixing, level) for level in GRID}
    lowest = min((level for level in GRID if rates[level].false_rate <= MOST_FALSE), default=GRID[-1])
    print(f"the threshold fixed is {lowest}, the service's is {RAISE}")
    rows = [row(f"fixed on, raised at {level:g}", rates[level]) for level in GRID if rates[level].false_rate < 10] + [
        row(f"**scored on, raised at {RAISE:g}**", score(scoring, RAISE))
    ]
    headings = ["set", "false alarms in 1,000 steps", "steps flagged without a change"]
    return table([*headings, *(f"{kind}: found, delay" for kind in KINDS), "precision"], rows)


def row(name: str, found: Score) -> list[str]:
    kinds = [f"{share:.0%}, {delay:.0f}" for share, delay in found.found.values()]
    return [name, f"{found.false_rate:.2f}", f"{found.flagged:.2%}", *kinds, f"{found.precision:.2f}"]


def taxi(architecture: str, settings: TrainingSettings) -> list[str]:
    """The five known events, each a window; alarms outside of them are false."""
    labels = json.loads((data_folder("nab") / "labels.json").read_text(encoding="utf-8"))["nyc_taxi.csv"]
    (taxi,) = read_table(bundled("nyc_taxi")).series
    windows = [tuple((_seconds(edge) - taxi.start) // HALF_HOUR for edge in window) for window in labels]
    first, length = windows[0][0], len(taxi)
    times = taxi.start + HALF_HOUR * np.arange(length)
    panel = Panel((Stretch(taxi.values[:first], times[:first]),), (first - 2 * 336,), (first,))
    config = implied_config(Frequency.parse("30min"), 48, 1e6, hidden=32, architecture=architecture)
    with tempfile.TemporaryDirectory() as folder:
        bundle = trained(panel, config, settings, Path(folder) / "taxi.bundle")
        said = scores(bundle, taxi.values[None, :, 0], HALF_HOUR)[0]
    known = np.isfinite(said)
    up, (raised,) = flags(said[None], RAISE)[0], raises(said[None], RAISE)
    inside = np.zeros(length, np.bool_)
    for begin, end in windows:
        inside[begin : end + 1] = True
    lines, hits = [], 0
    for begin, end in windows:
        at = [step for step in raised if begin <= step <= end]
        hits += bool(at)
        highest = float(said[begin : end + 1].max())
        delay = f"{at[0] - begin} steps" if at else "not found"
        lines.append([str(np.datetime64(int(times[begin]), "s")), delay, f"{highest:.2f}"])
    trained_on = known & (np.arange(length) < first)
    after = known & ~inside & ~trained_on
    late = [step for step in raised if step >= first]
    false = [step for step in late if not inside[step]]
    early = 1e3 * sum(step < first for step in raised) / trained_on.sum()
    summary = (
        f"Taxi: {hits} of {len(windows)} events found; {len(late)} alarms from the first event on, {len(false)} of "
        f"them outside of every window: precision {(len(late) - len(false)) / max(1, len(late)):.2f}, "
        f"{1e3 * len(false) / after.sum():.2f} false alarms in 1,000 steps. In the part it was trained on, from step "
        f"{np.flatnonzero(known)[0]}: {early:.2f} alarms in 1,000 steps. The flag is up in {up[inside].mean():.1%} of "
        f"the steps inside of a window and {up[after].mean():.1%} of those after and outside."
    )
    return [*table(["window begins", "delay after its begin", "highest score in it"], lines), "", summary]


def trained(panel: Panel, config: ForecasterConfig, settings: TrainingSettings, path: Path) -> Bundle:
    model, seconds, _ = fitted(panel, config, settings)
    print(f"trained in {seconds:.0f} s")
    stretch = panel.series[0]
    golden = Golden(int(stretch.times[0]), stretch.values[: config.window + 700])
    return write_bundle(model, Description("regime", "y", None, {}, {}), [golden], path)


def scores(bundle: Bundle, values: NDArray[np.float64], seconds: int) -> NDArray[np.float64]:
    """The score after each reading of each series (series, time), NaN before there is one."""
    runtime, watch = open_runtime("onnx", bundle), Watch.of(bundle.manifest)
    assert watch is not None
    count = len(values)
    states = runtime.states(np.tile(bundle.initial, (count, 1)))
    rows, said = np.tile(watch.initial(), (count, 1)), np.empty(values.shape)
    for step in range(values.shape[1]):
        reading, times = values[:, step : step + 1].copy(), np.full(count, START + seconds * step)
        _, states, gates = runtime.step_with_gates(reading, times, states)
        rows = watch.advance(rows, gates, ~np.isnan(reading[:, 0]))
        said[:, step] = watch.read(rows).score
    return said


def flags(said: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """The flag with hysteresis, (series, time), as the service would set it with another threshold."""
    up, flag = np.zeros(said.shape, np.bool_), np.zeros(len(said), np.bool_)
    for step in range(said.shape[1]):
        flag = np.where(flag, said[:, step] > level * LOWER / RAISE, said[:, step] >= level)
        up[:, step] = flag
    return up


def raises(said: NDArray[np.float64], level: float) -> list[list[int]]:
    up = flags(said, level)
    first = up & ~np.concatenate([np.zeros((len(up), 1), np.bool_), up[:, :-1]], axis=1)
    return [np.flatnonzero(each).tolist() for each in first]


def score(sets: dict[str | None, tuple[Changes, NDArray[np.float64]]], level: float) -> Score:
    """Right is an alarm within `WITHIN` steps after a change; wrong one before it, or where nothing changes."""
    _, calm = sets[None]
    false = sum(map(len, raises(calm, level)))
    known = np.isfinite(calm)
    rate, flagged = 1e3 * false / known.sum(), float(flags(calm, level)[known].mean())
    found, right = {}, 0
    for kind in KINDS:
        changes, said = sets[kind]
        delays = []
        for alarms, at in zip(raises(said, level), changes.at.tolist(), strict=True):
            false += sum(step < at for step in alarms)
            delays += [step - at for step in alarms if at <= step < at + WITHIN][:1]
        right += len(delays)
        found[kind] = len(delays) / len(changes.at), float(np.median(delays)) if delays else float("nan")
    return Score(rate, flagged, found, right / max(1, right + false))


def _seconds(text: str) -> int:
    return int((datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds())


if __name__ == "__main__":
    main()
