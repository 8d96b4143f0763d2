"""What more cores do for a training: seconds a step with one thread and with several, side by side or within operators.

    python -m bench.threads [--steps 12] [--threads 2] [--write]

The default configuration on the bundled taxi data, horizon 48. The three ways take turns, round by round, each with
the same batches; the least and the median of the rounds are told, as ratios to one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field, replace

from commands.threads import sleep_soon

sleep_soon()  # before torch is loaded, as the commands do

import torch  # noqa: E402

from bench.machine import beside, taken  # noqa: E402
from bench.monitor import taxi_panel  # noqa: E402
from bench.section import write  # noqa: E402
from datasets.frequency import Frequency  # noqa: E402
from models.config import implied_config  # noqa: E402
from models.training.loop import Training  # noqa: E402
from models.training.settings import TrainingSettings  # noqa: E402
from models.training.trainer import prepare  # noqa: E402

HORIZON = 48
ROUNDS = 7


@dataclass
class Way:
    """A training, the threads that each operator of it may use, and what its rounds took in seconds a step."""

    name: str
    training: Training
    operators: int = 1
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def round(self, steps: int) -> None:
        """So many steps, the same batches every time."""
        torch.set_num_threads(self.operators)
        wall, processor = time.perf_counter(), time.process_time()
        for step in range(steps):
            self.training._update(step, 1e-4)
        self.wall.append((time.perf_counter() - wall) / steps)
        self.processor.append((time.process_time() - processor) / steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=12, help="of a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="enter it into bench/RESULTS.md")
    given = parser.parse_args()
    several = given.threads
    ways = [
        Way("one thread", made(1)),
        Way(f"{several} threads, each a part of the batch (`--threads {several}`)", made(several)),
        Way(f"{several} threads in each operator", made(1), several),
    ]
    for way in ways:
        way.round(2)
        way.wall.clear()
        way.processor.clear()
    for _ in range(ROUNDS):
        for way in ways:
            way.round(given.steps)
    lines = [f"{taken()}{beside()}", "", *table(ways)]
    print("\n".join(lines))
    if given.write:
        write("bench.threads", lines)


def made(threads: int) -> Training:
    """A training of the default configuration at its first step."""
    config = replace(implied_config(Frequency.parse("30min"), HORIZON, 1e7), spread=(0.0, 0.0))
    return prepare(taxi_panel(), config, TrainingSettings(), HORIZON, threads=threads)


def table(ways: list[Way]) -> list[str]:
    """A row for each way."""
    first = ways[0]
    head = "| a training step | ms, least | median | times as fast | processor time |"
    lines = [head, "| --- | ---: | ---: | ---: | ---: |"]
    for way in ways:
        faster = statistics.median(a / b for a, b in zip(first.wall, way.wall, strict=True))
        more = statistics.median(b / a for a, b in zip(first.processor, way.processor, strict=True))
        least, middle = 1e3 * min(way.wall), 1e3 * statistics.median(way.wall)
        lines.append(f"| {way.name} | {least:.0f} | {middle:.0f} | {faster:.2f} | {more:.2f} x |")
    return lines


if __name__ == "__main__":
    main()
