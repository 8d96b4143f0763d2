"""What watching a training step costs: the monitor's own time within real steps on the bundled taxi data.

    python -m bench.monitor

The default configuration on half-hours, horizon 48, one thread. The time of the
monitor is taken inside each step, so that both share whatever else the machine does.
"""

from __future__ import annotations

import statistics
import time

import torch

from bench.machine import taken
from datasets.bundled import bundled
from datasets.frequency import Frequency
from datasets.reader import read_table
from models.config import implied_config
from models.evaluation.panel import Panel, Stretch
from models.forecaster import Fork
from models.training.loop import Training
from models.training.monitor import Monitor, Vitals
from models.training.settings import TrainingSettings
from models.training.trainer import prepare

STEPS = 60
HORIZON = 48


class Timed(Monitor):
    """A monitor that knows how long it took, in seconds, in all."""

    spent = 0.0

    def watch(self, forks: list[Fork], lengths: torch.Tensor) -> None:
        start = time.perf_counter()
        super().watch(forks, lengths)
        self.spent += time.perf_counter() - start

    def before(self) -> None:
        start = time.perf_counter()
        super().before()
        self.spent += time.perf_counter() - start

    def after(self) -> Vitals:
        start = time.perf_counter()
        vitals = super().after()
        self.spent += time.perf_counter() - start
        return vitals


def main() -> None:
    torch.set_num_threads(1)
    training = taxi()
    monitor = training.monitor = Timed(training.model)
    shares, steps, ends = [], [], [(time.perf_counter(), 0.0)]

    def observe(_: object) -> None:
        (before, spent_before), now = ends[-1], (time.perf_counter(), monitor.spent)
        ends.append(now)
        steps.append(now[0] - before)
        shares.append((now[1] - spent_before) / steps[-1])

    training.run(observe, lambda _: None)
    print(f"{taken()}; median of {STEPS} steps")
    share = statistics.median(shares)
    step = statistics.median(steps)
    print(f"step {step * 1e3:.0f} ms, of which the monitor {step * share * 1e3:.1f} ms: {share:.1%}")


def taxi() -> Training:
    """A training of the default configuration at its first step, that is never validated but at its end."""
    settings = TrainingSettings(steps=STEPS, validate_every=10 * STEPS, cooldown=0.0)
    return prepare(taxi_panel(), implied_config(Frequency.parse("30min"), HORIZON, 1e7), settings, HORIZON)


def taxi_panel() -> Panel:
    """The bundled taxi data, the last horizons for validation and for nothing."""
    table = read_table(bundled("nyc_taxi"))
    (series,) = table.series
    times = table.frequency.times(series.start, torch.arange(len(series)).numpy())
    ends = len(series) - 20 * HORIZON, len(series) - 10 * HORIZON
    return Panel((Stretch(series.values, times),), ends[:1], ends[1:])


if __name__ == "__main__":
    main()
