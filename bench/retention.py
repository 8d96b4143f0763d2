"""What it costs to let go of old readings: the same stream into engines that keep everything, and that keep some.

Those that keep some let go of readings behind states that were marked as they passed, or behind replays alone.

    python -m bench.retention [--sessions 1024] [--keep 512] [--durable process]

In this process, without the network: frames of 256 readings, eight on their way, each session's next reading in turn,
over a SQLite journal. What counts is the stretch in which each session lets go of as much as comes. Seconds are those
of the processor too, since other work on the machine does not count there.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.load.setting import FRAME, IN_FLIGHT, LEVELS
from bench.machine import beside, taken
from bench.step import untrained
from datasets.frequency import Frequency
from service.bundle import Bundle
from service.engine import NO_TIME, Engine, EngineSettings, Observations
from service.events import NullObserver
from service.journal import open_journal
from service.runtimes import AUTO, open_runtime

START = 1_404_172_800  # 2014-07-01T00:00:00
ROUNDS = 2  # of each way, in turn
NONE = 1  # byte for marks


class Released(NullObserver):
    """Counts what was let go of."""

    def __init__(self) -> None:
        self.readings = 0

    def released(self, sessions: int, readings: int) -> None:  # noqa: ARG002 (the observer's)
        self.readings += readings


async def measured(
    path: Path, bundle: Bundle, settings: EngineSettings, chosen: argparse.Namespace
) -> tuple[float, float, int]:
    """Readings a second, readings a second of the processor, and how many were let go of meanwhile."""
    frequency = Frequency.parse(bundle.manifest.frequency).alias
    watcher, journal = Released(), open_journal(f"sqlite:{path}", bundle.width, frequency, chosen.durable)
    engine = Engine(open_runtime(AUTO, bundle), journal, settings, watcher)
    engine.start()
    names = [f"s{at}" for at in range(chosen.sessions)]
    beginning = np.sin(np.arange(chosen.keep + 128))[:, None] + 100
    for name in names:
        await engine.create(name, START, beginning[: chosen.keep])
    step = chosen.keep
    step = await sent(engine, names, step, 2 * 256)  # until as much goes as comes
    before, began, used = watcher.readings, time.perf_counter(), time.process_time()
    last = await sent(engine, names, step, chosen.steps)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    count = (last - step) * len(names)
    released = watcher.readings - before
    await engine.drain()
    return count / seconds, count / processor, released


async def sent(engine: Engine, names: list[str], first: int, steps: int) -> int:
    """So many readings of each session; returns the next step."""
    flight: list[asyncio.Future[object]] = []
    for step in range(first, first + steps):
        for at in range(0, len(names), FRAME):
            some = names[at : at + FRAME]
            if len(flight) == IN_FLIGHT:
                await flight.pop(0)
            values = np.full((len(some), 1), 100 + np.sin(step))
            frame = Observations(some, np.full(len(some), step), np.full(len(some), NO_TIME), values)
            flight.append(engine.submit(frame))  # type: ignore[arg-type]
    await asyncio.gather(*flight)
    return first + steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1024)
    parser.add_argument("--keep", type=int, default=512)
    parser.add_argument("--steps", type=int, default=768)
    parser.add_argument("--durable", choices=("process", "disk"), default="process")
    chosen = parser.parse_args()
    print(taken() + beside())
    with tempfile.TemporaryDirectory() as folder:
        bundle = Bundle.open(untrained(Path(folder) / "retention.bundle", quantiles=LEVELS))
        ways = {
            "keeps all": EngineSettings(),
            f"keeps {chosen.keep}, by replays": EngineSettings(keep_readings=chosen.keep, mark_bytes=NONE),
            f"keeps {chosen.keep}": EngineSettings(keep_readings=chosen.keep),
        }
        for at in range(ROUNDS):
            for number, (way, settings) in enumerate(ways.items()):
                path = Path(folder) / f"{at}-{number}.sqlite"
                rate, processor, released = asyncio.run(measured(path, bundle, settings, chosen))
                size = sum(each.stat().st_size for each in Path(folder).glob(f"{path.name}*"))
                print(
                    f"{way}: {rate:,.0f} readings/s, {processor:,.0f} a second of the processor, "
                    f"{released:,} let go of, {size / 1e6:.0f} MB at the end",
                    flush=True,
                )


if __name__ == "__main__":
    main()
