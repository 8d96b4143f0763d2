"""What a frame takes of sessions that are scored, beside those that are plain, watched and calibrated.

    python -m bench.scored [--write]

Processor time in an engine over a journal in memory, the default model for hours, untrained: frames of one reading of
each session, the kinds in turn. Then the method alone. With --write into RESULTS.md.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import section
from bench.machine import beside, taken
from bench.quality import table
from bench.step import untrained
from service.bundle import Bundle
from service.engine import NO_TIME, Engine, Observations
from service.journal import open_journal
from service.quality import Quality
from service.runtimes import open_runtime

COMMAND = "bench.scored"
START = 1_404_172_800  # 2014-07-01T00:00:00
FRAMES, BATCHES = 100, (1, 256)
KINDS = {"plain": {}, "watched": {"regime": True}, "calibrated": {"calibrate": True}, "scored": {"quality": True}}
TOLD = "scored, and told"  # the same sessions, asked for quality and anomaly


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="enter the result into bench/RESULTS.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Bundle.open(untrained(Path(folder) / "scored.bundle"))
        method = Quality.of(bundle.manifest)
        assert method is not None
        rows = []
        for count in BATCHES:
            took = asyncio.run(_frames(bundle, count))
            alone = _alone(method, bundle.manifest.horizon, count)
            cells = [f"{seconds * 1e3:.2f} ms ({seconds / took['plain']:.1f})" for seconds in took.values()]
            rows.append([f"{count}", *cells, f"{alone * 1e3:.2f} ms"])
    head = ["readings of a frame; processor time, p50 (as many times the plain one)", *KINDS, TOLD, "the method alone"]
    size = f"A row for {bundle.manifest.horizon} steps ahead has {method.size:,} numbers, {4 * method.size:,} bytes."
    lines = [taken() + beside(), "", *table(head, rows), "", size]
    print("\n".join(lines))
    if chosen.write:
        section.write(COMMAND, lines)


async def _frames(bundle: Bundle, count: int) -> dict[str, float]:
    """Seconds of a frame of each kind, in turn."""
    journal = open_journal("memory", bundle.width, bundle.manifest.frequency)
    engine, random = Engine(open_runtime("auto", bundle), journal), np.random.default_rng(0)
    took = {kind: np.empty(FRAMES) for kind in (*KINDS, TOLD)}
    engine.start()
    try:
        for kind, asked in [*KINDS.items(), (TOLD, KINDS["scored"])]:
            for at in range(count):
                await engine.create(f"{kind} {at}", START, np.empty((0, 1)), **asked)
        for step in range(FRAMES):
            values = random.normal(size=(count, 1))
            for kind, seconds in took.items():
                steps, none = np.full(count, step), np.full(count, NO_TIME)
                frame = Observations([f"{kind} {at}" for at in range(count)], steps, none, values)
                began = time.process_time()
                await engine.observe(replace(frame, quality=True) if kind == TOLD else frame)
                seconds[step] = time.process_time() - began
    finally:
        await engine.drain()
    return {kind: float(np.median(seconds)) for kind, seconds in took.items()}


def _alone(method: Quality, horizon: int, count: int) -> float:
    random, rows = np.random.default_rng(0), np.stack([method.initial()] * count)
    quantiles = np.sort(random.normal(size=(count, horizon, len(method.levels))), axis=2)
    took = []
    for _ in range(FRAMES):
        target = random.normal(size=count)
        took.append(_timed(lambda rows=rows, target=target: method.advance(rows, quantiles, target)))
        rows = method.advance(rows, quantiles, target)[0]
    return float(np.median(took))


def _timed(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
