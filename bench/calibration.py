"""Calibrated bands: how many readings lie in them, before and after the noise of a stream doubles half-way.

    python -m bench.calibration [--steps N] [--write]

A small net is trained on hourly series that do not change, exported, and serves an engine. Each of other series is
streamed to it twice, reading by reading: to a session that is calibrated and to one that is not. The answers are those
of the engine; a forecast counts at its target. The same with the bundled taxi data as they are, trained on what lies
before. Then what a frame takes of the one kind of session and of the other. With --write into RESULTS.md and plots/.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench import section
from bench.changes import doubling, series
from bench.machine import beside, taken
from bench.quality import fitted, table
from bench.step import untrained
from datasets.bundled import bundled
from datasets.frequency import Frequency
from datasets.reader import read_table
from export.golden import Stretch as Golden
from export.writer import Description, write_bundle
from models.config import ForecasterConfig, implied_config
from models.evaluation.panel import Panel, Stretch
from models.training.settings import TrainingSettings
from service.bundle import Bundle
from service.calibration import Calibration
from service.engine import NO_TIME, Engine, Observations
from service.journal import open_journal
from service.runtimes import open_runtime

COMMAND = "bench.calibration"
FOLDER = Path(__file__).parent / "plots"
START, HOUR, HALF_HOUR = 1_404_172_800, 3_600, 1_800  # 2014-07-01T00:00:00
TRAINING, STREAMED = 0, 300  # seeds
COUNT, LENGTH = 48, 4_000
BANDS = {0.8: (0.1, 0.9), 0.95: (0.025, 0.975)}
KINDS = ("the model's", "calibrated")
WINDOW = 48  # readings that a point of the plots spans
FRAMES, BATCHES = 300, (1, 256)  # timed

Answers = NDArray[np.float64]  # (time, sessions, horizon, quantiles), each after the reading of its time


@dataclass(frozen=True, eq=False)
class Streamed:
    """What sessions of each kind were answered, and whether the readings lay in the bands (time, series, horizon)."""

    values: NDArray[np.float64]  # (series, time)
    inside: dict[tuple[str, float], NDArray[np.float64]]  # by kind and band, at the target; NaN: not forecast
    loss: dict[str, NDArray[np.float64]]  # quantile loss, at the target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--write", action="store_true", help="enter the result into bench/RESULTS.md and plots/")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings, where = TrainingSettings(steps=chosen.steps), taken() + beside()
    with tempfile.TemporaryDirectory() as folder:
        found = synthetic(settings, Path(folder) / "synthetic.bundle")
        lines = [where, "", *shown(found, 24)]
        real = taxi(settings, Path(folder) / "taxi.bundle")
        lines += ["", *real, "", *costs(Path(folder))]
    print("\n".join(lines))
    if chosen.write:
        section.write(COMMAND, lines)
        plot(found, FOLDER / "calibration.png", where)


def synthetic(settings: TrainingSettings, path: Path) -> Streamed:
    """Series whose noise doubles half-way, forecast by a net that has seen others, which do not change."""
    values = series(TRAINING, COUNT, length=1_000).values
    times = START + HOUR * np.arange(values.shape[1])
    panel = Panel(tuple(Stretch(each[:, None], times) for each in values), (800,) * COUNT, (900,) * COUNT)
    config = implied_config(Frequency.parse("1h"), 24, 1e6, lags=(24,), hidden=32)
    return streamed(trained(panel, config, settings, path), doubling(STREAMED, COUNT, LENGTH).values)


def taxi(settings: TrainingSettings, path: Path) -> list[str]:
    """The last two fifths of the taxi data, by a net that has seen the others."""
    (whole,) = read_table(bundled("nyc_taxi")).series
    first = 3 * len(whole) // 5
    times = whole.start + HALF_HOUR * np.arange(len(whole))
    panel = Panel((Stretch(whole.values[:first], times[:first]),), (first - 2 * 336,), (first,))
    config = implied_config(Frequency.parse("30min"), 48, 1e6, hidden=32)
    found = streamed(trained(panel, config, settings, path), whole.values[None, :, 0], HALF_HOUR)
    groups = {"1": (1, 1), "2–12": (2, 12), "13–24": (13, 24), "25–48": (25, 48)}
    rows = []
    for name, (low, high) in groups.items():
        for band in BANDS:
            cells = [f"{_share(found.inside[kind, band][first:, :, low - 1 : high]):.1%}" for kind in KINDS]
            rows.append([name, f"{band:.0%}", *cells])
    loss = " and ".join(f"{np.nanmean(found.loss[kind][first:]):.1f}" for kind in KINDS)
    head = ["taxi, the last two fifths: steps ahead", "band", *KINDS]
    return [*table(head, rows), "", f"Quantile loss there: {loss}."]


def trained(panel: Panel, config: ForecasterConfig, settings: TrainingSettings, path: Path) -> Bundle:
    model, seconds, _ = fitted(panel, config, settings)
    print(f"trained in {seconds:.0f} s")
    stretch = panel.series[0]
    golden = Golden(int(stretch.times[0]), stretch.values[: config.window + 700])
    return write_bundle(model, Description("calibration", "y", None, {}, {}), [golden], path)


def streamed(bundle: Bundle, values: NDArray[np.float64], seconds: int = HOUR) -> Streamed:
    """Both kinds of sessions of each series (series, time), one reading of each in a frame."""
    answers = asyncio.run(_stream(bundle, values))
    levels, truth = np.array(bundle.manifest.quantiles), values.T  # (time, series)
    inside, loss = {}, {}
    for at, kind in enumerate(KINDS):
        own = _at_target(answers[:, at * len(values) : (at + 1) * len(values)])
        off = truth[:, :, None, None] - own
        loss[kind] = np.maximum(levels * off, (levels - 1) * off).mean(axis=3)
        for band, edges in BANDS.items():
            low, high = (own[..., int(np.abs(levels - edge).argmin())] for edge in edges)
            held = (low <= truth[:, :, None]) & (truth[:, :, None] <= high)
            inside[kind, band] = np.where(np.isnan(low), np.nan, held)
    print(f"streamed {values.size:,} readings twice, steps of {seconds} s")
    return Streamed(values, inside, loss)


def _at_target(answers: Answers) -> Answers:
    """The same, each forecast at the time that it is for; NaN where none was made."""
    moved = np.full_like(answers, np.nan)
    for ahead in range(1, answers.shape[2] + 1):
        moved[ahead:, :, ahead - 1] = answers[:-ahead, :, ahead - 1]
    return moved


async def _stream(bundle: Bundle, values: NDArray[np.float64]) -> Answers:
    engine = _engine(bundle)
    names = [f"{kind} {at}" for kind in KINDS for at in range(len(values))]
    answers = np.empty((values.shape[1], len(names), bundle.manifest.horizon, len(bundle.manifest.quantiles)))
    try:
        for name in names:
            await engine.create(name, START, np.empty((0, 1)), calibrate=name.startswith("calibrated"))
        for step in range(values.shape[1]):
            said = await engine.observe(_frame(names, step, np.tile(values[:, step], len(KINDS))))
            answers[step] = said.quantiles[said.rows]
    finally:
        await engine.drain()
    return answers


def _engine(bundle: Bundle) -> Engine:
    engine = Engine(open_runtime("auto", bundle), open_journal("memory", bundle.width, bundle.manifest.frequency))
    engine.start()
    return engine


def _frame(names: list[str], step: int, values: NDArray[np.float64]) -> Observations:
    count = len(names)
    return Observations(names, np.full(count, step), np.full(count, NO_TIME), values[:, None])


def shown(found: Streamed, horizon: int) -> list[str]:
    """Coverage by steps ahead and part of the stream, and how far single series are from it."""
    half = LENGTH // 2
    parts = {
        "before": (500, half),
        "1st to 100th after": (half, half + 100),
        "101st to 300th": (half + 100, half + 300),
        "301st to 600th": (half + 300, half + 600),
        "later": (half + 600, LENGTH),
    }
    groups = {"1": (1, 1), "2–6": (2, 6), "7–12": (7, 12), f"13–{horizon}": (13, horizon)}
    rows = []
    for band in BANDS:
        for name, (low, high) in groups.items():
            for kind in KINDS:
                inside = found.inside[kind, band][:, :, low - 1 : high]
                cells = [f"{_share(inside[first:stop]):.1%}" for first, stop in parts.values()]
                rows.append([f"{band:.0%}", name, kind, *cells])
    lines = table(["band", "steps ahead", "bands", *parts], rows)
    ends = {"before": slice(500, half), "from the 301st reading after the change on": slice(half + 300, LENGTH)}
    for name, end in ends.items():
        told = []
        for kind in KINDS:
            off = [_share(found.inside[kind, 0.8][end, at]) - 0.8 for at in range(len(found.values))]
            loss = np.nanmean(found.loss[kind][end])
            told.append(f"{kind} {100 * np.abs(off).mean():.1f} and {100 * np.abs(off).max():.1f}, {loss:.3f}")
        what = "points that single series are off 80 % (mean and most), quantile loss"
        lines += ["", f"{name[0].upper()}{name[1:]}, {what}: {'; '.join(told)}."]
    return lines


def _share(inside: NDArray[np.float64]) -> float:
    return float(np.nanmean(inside))


def costs(folder: Path) -> list[str]:
    """What a frame takes of plain and of calibrated sessions, with the default model for hours."""
    bundle = Bundle.open(untrained(folder / "costs.bundle"))
    method = Calibration.of(bundle.manifest)
    assert method is not None
    rows = []
    for count in BATCHES:
        plain, calibrated = asyncio.run(_timed(bundle, count))
        rows.append([f"{count}", f"{plain * 1e3:.2f} ms", f"{calibrated * 1e3:.2f} ms"])
    lines = table(["readings of a frame, one of each session; p50", *KINDS], rows)
    size = 4 * method.size
    return [*lines, "", f"A row for {bundle.manifest.horizon} steps ahead has {method.size:,} numbers, {size:,} bytes."]


async def _timed(bundle: Bundle, count: int) -> list[float]:
    """Seconds of a frame of each kind, in turn."""
    engine, took = _engine(bundle), np.empty((len(KINDS), FRAMES))
    random = np.random.default_rng(0)
    try:
        for kind in KINDS:
            for at in range(count):
                await engine.create(f"{kind} {at}", START, np.empty((0, 1)), calibrate=kind == "calibrated")
        for step in range(FRAMES):
            values = random.normal(size=count)
            for at, kind in enumerate(KINDS):
                frame = _frame([f"{kind} {each}" for each in range(count)], step, values)
                began = time.perf_counter()
                await engine.observe(frame)
                took[at, step] = time.perf_counter() - began
    finally:
        await engine.drain()
    return [float(np.median(each)) for each in took]


def plot(found: Streamed, path: Path, note: str) -> None:
    """Coverage along the stream, one step ahead and at the far end."""
    from matplotlib import pyplot as plt

    figure, grid = plt.subplots(2, 2, figsize=(10, 6), layout="constrained", sharex=True, sharey="row")
    horizon = next(iter(found.inside.values())).shape[2]
    for row, band in zip(grid, BANDS, strict=True):
        for axes, ahead in zip(row, (1, horizon), strict=True):
            for kind in KINDS:
                axes.plot(_rolling(found.inside[kind, band][:, :, ahead - 1].mean(axis=1)), label=kind)
            axes.axhline(band, color="grey", linewidth=0.8)
            axes.axvline(LENGTH // 2, color="grey", linewidth=0.8, linestyle=":")
            axes.set_title(f"{band:.0%} band, {ahead} step{'s' * (ahead > 1)} ahead", loc="left")
            axes.set(xlim=(0, LENGTH))
    grid[0, 0].legend(frameon=False, loc="lower left")
    grid[1, 0].set_xlabel("readings; the noise doubles at the dotted line")
    grid[1, 1].set_xlabel(note, loc="right", fontsize=6, color="grey")
    figure.suptitle(f"Share of readings in the band, {WINDOW} readings of {COUNT} series a point", x=0.01, ha="left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _rolling(shares: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over the `WINDOW` readings up to each."""
    smooth = np.full(len(shares), np.nan)
    smooth[WINDOW - 1 :] = np.convolve(shares, np.full(WINDOW, 1 / WINDOW), "valid")
    return smooth


if __name__ == "__main__":
    main()
