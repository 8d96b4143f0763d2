"""Seconds of training to a scaled error of 0.9 on M4 Hourly, ours beside neuralforecast's GRU.

    GATECAST_DATA=folder python -m bench.accuracy.race [--every 25] [--threads 2] [--seed 0] [--write]

Both are trained as they come; every so many steps the clock is stopped and the test windows are forecast with the
weights as they are then. The clock runs for whatever a training does, our validations too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench import section
from bench.accuracy import ours
from bench.accuracy.contender import Budget, Contender, ContenderError, in_short, windows_of
from bench.accuracy.measures import MASE
from bench.accuracy.naive import checked_naive
from bench.accuracy.peers import NEURALFORECAST
from bench.accuracy.protocol import Protocol
from bench.accuracy.registry import SETS
from bench.accuracy.score import Score
from bench.machine import beside, taken
from bench.peers.environment import InstallError
from bench.quality import table
from models.forecaster import Forecaster
from models.training.loop import Record
from models.training.settings import TrainingSettings
from models.training.trainer import prepare

SECTION = "bench.accuracy.race"
SET, GOAL = "m4_hourly", 0.9
PEER_LAPS = ("steps", "seconds", "processor", "medians")
TITLE = f"GRU (neuralforecast {NEURALFORECAST.version('neuralforecast')})"


@dataclass(frozen=True)
class Lap:
    """Where a training was when its clock was stopped."""

    step: int
    seconds: float  # on the clock
    processor: float  # seconds of all cores together
    error: float  # MASE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=25, help="steps between two looks")
    parser.add_argument("--steps", type=int, default=None, help="of our own budget, else the default")
    parser.add_argument("--seconds", type=float, default=600.0, help="that the peer's training may take")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--excerpt", type=int, metavar="N", help="the first N series alone, unchecked: to try it out")
    parser.add_argument("--write", action="store_true", help="enter the result into bench/RESULTS.md")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    protocol = SETS[SET]()
    if chosen.excerpt is None:
        checked_naive(protocol)
    else:
        protocol = protocol.excerpt(chosen.excerpt)
    where = taken() + beside()
    laps = ours_raced(protocol, ours.settings_of(chosen.steps, chosen.seed), chosen.every)
    rows = [row("**Gatecast**", laps)]
    print(*rows[0], flush=True)
    budget = Budget(chosen.seconds, 3 * chosen.seconds + 600, chosen.threads, chosen.seed)
    rows.append(peer_row(protocol, budget, chosen.every))
    threads = f"{chosen.threads} threads, seed {chosen.seed}, a look every {chosen.every} steps"
    columns = [f"steps to MASE {GOAL}", "seconds", "of processor", "best of all looks", "looks"]
    lines = [where, "", *table([f"{protocol.title}, {threads}", *columns], rows)]
    print("\n".join(lines), flush=True)
    if chosen.write:
        section.write(SECTION, lines)


def ours_raced(protocol: Protocol, settings: TrainingSettings, every: int) -> list[Lap]:
    """Our own training, until the goal is reached or the budget spent."""
    training = prepare(protocol.panel, protocol.config, settings, protocol.season)
    laps: list[Lap] = []
    stopped, idle = 0.0, time.process_time()  # seconds of looks; of the processor, of all but training

    def look(record: Record) -> None:
        nonlocal stopped, idle
        if record.step % every and record.step != settings.steps:
            return
        began, before = time.monotonic(), time.process_time()
        error = error_of(training.model, protocol)
        laps.append(Lap(record.step, record.seconds - stopped, before - idle, error))
        stopped += time.monotonic() - began
        idle += time.process_time() - before

    training.run(look, lambda _: None, lambda: bool(laps) and laps[-1].error <= GOAL)
    return laps


def error_of(model: Forecaster, protocol: Protocol) -> float:
    """The scaled error of a model as it is."""
    score = Score(protocol, model.config.quantiles)
    for series, origins, quantiles in ours.streamed(model, protocol.panel.series, protocol.origins):
        score.add(series, origins, quantiles)
    return _error(score)


def peer_row(protocol: Protocol, budget: Budget, every: int) -> list[str]:
    """The row of the peer, or why there is none."""
    peer = Contender("GRU", TITLE, ("-m", "bench.peers.neuralforecast.race", str(every)), NEURALFORECAST)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "laps.npz"
            peer.run(windows_of(protocol, budget), budget, found)
            with np.load(found) as held:
                return row(TITLE, peer_laps(protocol, *(held[name] for name in PEER_LAPS)))
    except (ContenderError, InstallError, OSError, ValueError) as failure:
        return [TITLE, f"could not be measured: {in_short(failure)}", "–", "–", "–", "–"]


def peer_laps(
    protocol: Protocol,
    steps: Sequence[int],
    seconds: Sequence[float],
    processor: Sequence[float],
    medians: NDArray[np.float64],
) -> list[Lap]:
    """From the medians (looks, windows, horizon) that a peer had at each look."""
    laps = []
    for step, spent, used, median in zip(steps, seconds, processor, medians, strict=True):
        score, first = Score(protocol, (0.5,)), 0
        for series, at in enumerate(protocol.origins):
            score.add(series, at, median[first : first + len(at), :, None])
            first += len(at)
        laps.append(Lap(int(step), float(spent), float(used), _error(score)))
    return laps


def row(title: str, laps: Sequence[Lap]) -> list[str]:
    """When the goal was reached, if it was, and the best there was."""
    best = min(laps, key=lambda lap: lap.error)
    reached = next((lap for lap in laps if lap.error <= GOAL), None)
    at = ["not reached", f"> {laps[-1].seconds:.0f}", f"> {laps[-1].processor:.0f}"]
    if reached is not None:
        at = [f"{reached.step:,}", f"{reached.seconds:.0f}", f"{reached.processor:.0f}"]
    return [title, *at, f"{best.error:.3f} at step {best.step:,}, {best.seconds:.0f} s", f"{len(laps)}"]


def _error(score: Score) -> float:
    found = score.figures[MASE]
    return float("inf") if found is None else found


if __name__ == "__main__":
    main()
