"""Anomalies found in two labelled series, beside a plain peer: delay, precision, false alarms a week.

    python -m bench.anomalies [--steps N] [--folder PATH] [--write]

The taxi data and the machine's temperature, with the windows that the Numenta Anomaly Benchmark labels. For each a
small net is trained on what lies before the first window, exported, and steps through all of it; the score is that of
scored sessions (service/quality.py, with the service's own constants), alone. The peer holds the difference to the
reading a season ago against its mean and deviation over the same beginning. What is chosen is one number for each, on
one of the files: the least strict with at most one false alarm a week; it is scored on the other file, both ways round.
Flags no more than a day apart are one alarm. With --folder the nets are kept there, and used again by the next run.
With --write into RESULTS.md; it wants GATECAST_DATA for the labels.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench import section
from bench.calibration import trained
from bench.machine import beside, taken
from bench.quality import data_folder, table
from datasets.bundled import bundled
from datasets.frequency import DAY, Frequency
from datasets.reader import read_table
from models.config import implied_config
from models.evaluation.panel import Panel, Stretch
from models.training.settings import TrainingSettings
from service.bundle import Bundle
from service.quality import TOLD_RARITY, Quality
from service.runtimes import open_runtime

COMMAND = "bench.anomalies"
HORIZON = 48
RATES = (0.01, 0.003, 0.001, 0.0003, 0.0001)  # of false alarms, from the least strict on
DEVIATIONS = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
ALLOWED = 1.0  # false alarms a week, on the file that the number is chosen on

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Labelled:
    """A series, the windows in which something was wrong (places, both ends in), and how long its season is."""

    name: str
    values: Numbers  # (time,)
    start: int
    frequency: Frequency
    windows: tuple[tuple[int, int], ...]
    season: int

    @property
    def first(self) -> int:
        """What lies before is learned from, and not scored."""
        return self.windows[0][0]

    @property
    def day(self) -> int:
        return DAY // self.frequency.size


@dataclass(frozen=True)
class Found:
    """What a score comes to at one limit."""

    delays: tuple[float | None, ...]  # hours from each window's begin to its first flag
    alarms: int
    false: int
    weeks: float  # without those in windows

    @property
    def weekly(self) -> float:
        return self.false / self.weeks

    @property
    def cells(self) -> list[str]:
        hours = ", ".join("–" if each is None else f"{each:.0f}" for each in self.delays)
        found = sum(each is not None for each in self.delays)
        precision = f"{(self.alarms - self.false) / self.alarms:.2f}" if self.alarms else "–"
        return [f"{found} of {len(self.delays)}", hours, precision, f"{self.weekly:.2f}"]


HEAD = ["", "windows found", "after hours", "precision", "false alarms a week"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="where nets are kept")
    parser.add_argument("--write", action="store_true", help="enter the result into bench/RESULTS.md")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings, where = TrainingSettings(steps=chosen.steps), taken() + beside()
    series = (
        labelled("nyc_taxi", "nyc_taxi.csv", "30min", 336),
        labelled("machine_temperature", "machine_temperature_system_failure.csv", "5min", 288),
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        ours = [rarity(each, bundle_of(each, settings, folder / f"{each.name}.bundle")) for each in series]
    kinds = {
        "gatecast": (ours, [-float(np.log(rate)) for rate in RATES], [f"rate {rate:g}" for rate in RATES]),
        "seasonal z-score": ([deviation(each) for each in series], DEVIATIONS, [f"z {z:g}" for z in DEVIATIONS]),
    }
    lines = [where, "", *transferred(series, kinds), "", *grids(series, kinds)]
    print("\n".join(lines))
    if chosen.write:
        section.write(COMMAND, lines)


def labelled(name: str, file: str, frequency: str, season: int) -> Labelled:
    (whole,) = read_table(bundled(name)).series
    every = Frequency.parse(frequency)
    labels = json.loads((data_folder("nab") / "labels.json").read_text(encoding="utf-8"))[file]
    windows = tuple((_place(begin, whole.start, every), _place(end, whole.start, every)) for begin, end in labels)
    return Labelled(name, whole.values[:, 0], whole.start, every, windows, season)


def bundle_of(series: Labelled, settings: TrainingSettings, path: Path) -> Bundle:
    """A net that has seen what lies before the first window."""
    if path.is_dir():
        return Bundle.open(path)
    values, times = series.values[: series.first, None], series.start + series.frequency.size * np.arange(series.first)
    panel = Panel((Stretch(values, times),), (series.first - 2 * series.day,), (series.first,))
    lags = None if series.season > series.day else (series.day,)
    return trained(panel, implied_config(series.frequency, HORIZON, 1e6, hidden=32, lags=lags), settings, path)


def rarity(series: Labelled, bundle: Bundle) -> Numbers:
    """(time,) -ln p of each reading of a session of its own; NaN where nothing is told."""
    runtime, method = open_runtime("auto", bundle), Quality.of(bundle.manifest)
    assert method is not None
    method = replace(method, season=series.season)
    state, row, told = bundle.initial[None], method.initial()[None], []
    for at, value in enumerate(series.values):
        time = np.array([series.start + series.frequency.size * at])
        forecast, state = runtime.step(np.array([[value]]), time, state)
        row, _ = method.advance(row, forecast, np.array([value]))
        told.append(method.read(row)[0, TOLD_RARITY])
    return np.array(told)


def deviation(series: Labelled) -> Numbers:
    """(time,) how many deviations the seasonal naive is off, of those at the beginning."""
    off = np.full(len(series.values), np.nan)
    off[series.season :] = series.values[series.season :] - series.values[: -series.season]
    begin = off[: series.first]
    return np.asarray(np.abs(off - np.nanmean(begin)) / np.nanstd(begin))


def found(series: Labelled, score: Numbers, limit: float) -> Found:
    """Flags are where the score reaches the limit, from the first window on."""
    flags = np.flatnonzero(score >= limit)
    flags = flags[flags >= series.first]
    inside = np.zeros(len(series.values), np.bool_)
    delays: list[float | None] = []
    for begin, end in series.windows:
        inside[begin : end + 1] = True
        own = flags[(flags >= begin) & (flags <= end)]
        delays.append(24 * float(own[0] - begin) / series.day if len(own) else None)
    alarms = flags[np.diff(flags, prepend=-series.day - 1) > series.day]
    weeks = float((~inside[series.first :]).sum()) / (7 * series.day)
    return Found(tuple(delays), len(alarms), int((~inside[alarms]).sum()), weeks)


Kinds = dict[str, tuple[list[Numbers], Sequence[float], list[str]]]


def transferred(series: tuple[Labelled, ...], kinds: Kinds) -> list[str]:
    """Each kind's number, chosen on one file, scored on the other."""
    rows = []
    for at, other in ((0, 1), (1, 0)):
        for kind, (scores, limits, names) in kinds.items():
            mild = [
                place for place, limit in enumerate(limits) if found(series[at], scores[at], limit).weekly <= ALLOWED
            ]
            chosen = mild[0] if mild else len(limits) - 1
            cells = found(series[other], scores[other], limits[chosen]).cells
            rows.append([f"{series[other].name}, {kind}, {names[chosen]} as chosen on {series[at].name}", *cells])
    return table(HEAD, rows)


def grids(series: tuple[Labelled, ...], kinds: Kinds) -> list[str]:
    """Every number on both files."""
    rows = []
    for at, each in enumerate(series):
        for kind, (scores, limits, names) in kinds.items():
            for limit, name in zip(limits, names, strict=True):
                rows.append([f"{each.name}, {kind}, {name}", *found(each, scores[at], limit).cells])
    return table(HEAD, rows)


def _place(text: str, start: int, every: Frequency) -> int:
    return (int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) - start) // every.size


if __name__ == "__main__":
    main()
