"""What a turn of the engine takes while a new model is brought up, in processor time: so other work does not count.

    python -m bench.turns [--sessions 1024] [--history 500] [--readings 256]

The engine without edge and sockets, journal `process`, the default model, `auto`. A reading waits for the turn before
its own to end, so what the follower takes is what it adds to an answer: after a batch, held against that batch, and
while nobody waits, when a reading may come in the middle of it. The last column is what such a ratio is worth: two
batches of one size, one after the other, held against each other.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.deploy import two_versions, write_sessions
from bench.machine import beside, taken
from service.engine import NO_STEP, NO_TIME, Engine, NullObserver, Observations
from service.journal import open_journal
from service.runtimes import open_runtime

FRAMES = 200  # of each phase that has no end of its own
NOTHING = 1e-4  # less is no follower: a look whether there is one


class Batches(NullObserver):
    """What each batch took, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def batch(self, readings: int, sessions: int, seconds: float) -> None:  # noqa: ARG002
        self.seconds.append(seconds)


class Turns:
    """An engine whose every batch and every turn of the follower is timed."""

    def __init__(self, engine: Engine, batches: Batches, sessions: int, readings: int) -> None:
        self.engine = engine
        self._batches = batches
        self._frames = sessions // readings
        self._readings = readings
        self._sent = 0
        self._after: list[tuple[float, float]] = []  # a batch, and what the follower took after it
        self._alone: list[float] = []  # what it took where there was no batch
        follow, seen = engine._serving.follow, 0

        def timed(*batch: float) -> bool:
            nonlocal seen
            began = time.thread_time()
            worked = follow(*batch)
            took, before = time.thread_time() - began, len(batches.seconds)
            if before > seen:
                self._after.append((batches.seconds[-1], took))
            elif worked:
                self._alone.append(took)
            seen = before
            return worked

        engine._serving.follow = timed  # type: ignore[method-assign]

    async def frame(self) -> None:
        first = self._sent % self._frames * self._readings
        names, count = [f"s{at}" for at in range(first, first + self._readings)], self._readings
        values = np.random.default_rng(self._sent).normal(100, 10, (count, 1))
        observations = Observations(names, np.full(count, NO_STEP), np.full(count, NO_TIME), values)
        answers = await self.engine.observe(observations)
        assert not any(answers.errors), answers.errors[:1]
        self._sent += 1

    async def row(self, name: str, until: asyncio.Future[None] | None = None) -> str:
        """The frames of one phase."""
        self._after.clear()
        self._alone.clear()
        sent, began = 0, time.perf_counter()
        while (sent < FRAMES) if until is None else not until.done():
            await self.frame()
            sent += 1
        took = time.perf_counter() - began
        batches, follower = np.array(self._after).T
        noise = batches[1:] / batches[:-1]
        parts = _shown(batches), _shown(follower), _shown(self._alone), _ratios(follower / batches), _ratios(noise)
        return f"| {name} | {sent} | {took:.1f} | {' | '.join(parts)} |"


def _shown(seconds: Sequence[float] | np.ndarray) -> str:
    if not len(seconds) or max(seconds) < NOTHING:
        return "–"
    p50, p99 = np.percentile(seconds, (50, 99)) * 1e3
    return f"{p50:.2f}, {p99:.2f}, {max(seconds) * 1e3:.2f}"


def _ratios(ratios: np.ndarray) -> str:
    p50, p99 = np.percentile(ratios, (50, 99))
    return "–" if p99 < NOTHING else f"{p50:.2f}, {p99:.2f}"


async def measured(folder: Path, sessions: int, history: int, readings: int) -> list[str]:
    old, new = two_versions(folder / "models")
    url = f"sqlite:{folder / 'journal.sqlite'}"
    write_sessions(old, url, sessions, history)
    batches = Batches()
    journal = open_journal(url, old.width, old.manifest.frequency, "process")
    engine = Engine(open_runtime("auto", old), journal, observer=batches, clock=time.thread_time)
    turns = Turns(engine, batches, sessions, readings)
    engine.start()
    try:
        await turns.row("bringing all states in")
        rows = [await turns.row("before")]
        runtime = open_runtime("auto", new)
        engine.warm_up(runtime)
        await engine.models.follow(runtime)
        rows.append(await turns.row("rebuilding", asyncio.ensure_future(engine.models.level())))
        rows.append(await turns.row("in the shadow"))
        await engine.models.promote()
        rows.append(await turns.row("the old one keeps up"))
        await engine.models.dismiss()
        rows.append(await turns.row("after"))
    finally:
        await engine.drain()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1024, help="a multiple of --readings")
    parser.add_argument("--history", type=int, default=500, help="readings of each, before")
    parser.add_argument("--readings", type=int, default=256, help="of a frame")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measured(Path(folder), chosen.sessions, chosen.history, chosen.readings))
    print(f"{taken()}{beside()}\n{chosen.sessions} sessions of {chosen.history} readings and more\n")
    what = f"frames of {chosen.readings} | s | a batch | the follower after it | … while nobody waits"
    print(f"| ms of processor time: p50, p99, most | {what} | after it / batch | batch / batch before: p50, p99 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", *rows, sep="\n")


if __name__ == "__main__":
    main()
