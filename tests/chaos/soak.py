"""A soak: sessions come and go for an hour, and memory and handles of the service stay level.

    python -m tests.chaos.soak [--minutes N] [--journal NAME] [--write]

Prints its report and ends with 1 if a level rose; with --write the report is entered into bench/SOAK.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress

from bench.load.process import resident_bytes
from bench.machine import beside, taken
from service.bundle import Bundle
from tests.chaos.handles import handles
from tests.chaos.harness.coming_and_going import ComingAndGoing
from tests.chaos.harness.level import Level, Sample, warm
from tests.chaos.harness.stores import STORES
from tests.conftest import small_bundle, small_forecaster
from tests.served import Served

PAGE = Path(__file__).parents[2] / "bench" / "SOAK.md"
CALLERS = 4
SAMPLES = 120  # of an hour, and of less; at least so many seconds apart:
SHORTEST = 0.5
RISES = {"memory": 0.05, "handles": 0.05}  # what a fitted line may rise over the span, as a share of the median
MIB = 2**20


@dataclass(frozen=True)
class Soaked:
    """What a soak has seen."""

    minutes: float
    samples: list[Sample]
    sessions: int
    streams: int
    failed: list[BaseException]

    @property
    def levels(self) -> dict[str, Level]:
        """By name, after the warm-up."""
        counted = warm(self.samples)
        seconds = [sample.second for sample in counted]
        return {name: Level.of(seconds, [getattr(sample, name) for sample in counted]) for name in RISES}

    @property
    def risen(self) -> list[str]:
        """Those that did not stay level."""
        return [name for name, level in self.levels.items() if level.rise > RISES[name] * level.median]


def soak(
    bundle: Bundle,
    url: str,
    minutes: float,
    told: Callable[[Sample], None] = lambda _: None,
    program: Sequence[str] = ("commands.main",),
) -> Soaked:
    """Loads a service; each sample is taken while nothing is on its way and all is folded."""
    served = Served(bundle.path, url, "--log-level", "error", program=program)
    served.start()
    load = ComingAndGoing(served.urls, CALLERS)
    samples: list[Sample] = []
    began = time.monotonic()
    try:
        load.start()
        while (now := time.monotonic() - began) < 60 * minutes and load.is_alive():
            time.sleep(max(SHORTEST, 60 * minutes / SAMPLES))
            load.pause()
            _until_folded(served)
            now = time.monotonic() - began
            samples.append(Sample(now, resident_bytes(served.process), handles(served.process), load.readings))
            told(samples[-1])
            load.resume()
        load.end()
    finally:
        load.stopped.set()
        load.resume()
        served.end()
    return Soaked(minutes, samples, load.sessions, load.streams, load.failed)


def _until_folded(served: Served, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while "\ngatecast_journal_tail 0.0\n" not in httpx.get(f"{served.url}/metrics").text:
        assert time.monotonic() < end, "the tail was to be folded as soon as nothing comes"
        time.sleep(0.02)


def report(command: str, where: str, soaked: Soaked) -> list[str]:
    memory, held = soaked.levels["memory"], soaked.levels["handles"]
    counted = len(warm(soaked.samples))
    verdict = f"**rose: {', '.join(soaked.risen)}**" if soaked.risen else "level"
    return [
        "# Soak",
        "",
        f"`{command}`: sessions are made, stream, are asked and are deleted, and streams are opened and",
        f"closed, as fast as {CALLERS} callers of the client library go. Samples are taken at rest; the line is fitted",
        f"through those after the first quarter of the time, and may rise by {RISES['memory']:.0%} over all of it.",
        "",
        where,
        "",
        "| | memory (resident) | open files and connections |",
        "| --- | ---: | ---: |",
        f"| median of {counted} samples | {memory.median / MIB:.1f} MiB | {held.median:.0f} |",
        f"| first, last | {memory.first / MIB:.1f}, {memory.last / MIB:.1f} MiB | {held.first:.0f}, {held.last:.0f} |",
        f"| rise of the fitted line over its span | {memory.rise / MIB:+.2f} MiB | {held.rise:+.2f} |",
        f"| its slope, per hour | {memory.per_hour / MIB:+.1f} MiB | {held.per_hour:+.1f} |",
        "",
        f"In {soaked.minutes:g} minutes {soaked.samples[-1].readings:,} readings, {soaked.sessions:,} sessions that "
        f"came and went, {soaked.streams:,} streams, {len(soaked.failed)} failed calls. Memory and handles: {verdict}.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--journal", choices=list(STORES), default="sqlite", help="where readings are kept (sqlite)")
    parser.add_argument("--write", action="store_true", help="enter the report into bench/SOAK.md")
    chosen = parser.parse_args()
    where = taken() + beside()
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("soak", total=60 * chosen.minutes)

        def told(sample: Sample) -> None:
            said = f"soak: {sample.memory / MIB:.0f} MiB, {sample.handles} handles, {sample.readings:,} readings"
            bar.update(task, completed=sample.second, description=said)

        bundle = small_bundle(small_forecaster(), Path(folder) / "small.bundle")
        store = STORES[chosen.journal](Path(folder))
        store.start()
        try:
            soaked = soak(bundle, store.url, chosen.minutes, told)
        finally:
            store.stop()
    lines = report(f"python -m tests.chaos.soak --minutes {chosen.minutes:g} --journal {chosen.journal}", where, soaked)
    print("\n".join(lines))
    if chosen.write:
        PAGE.write_text("\n".join([*lines, ""]), encoding="utf-8")
    for fault in soaked.failed:
        print(f"a call failed: {fault!r}")
    sys.exit(1 if soaked.risen or soaked.failed else 0)


if __name__ == "__main__":
    main()
