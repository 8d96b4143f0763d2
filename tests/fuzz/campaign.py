"""A real service under malformed frames of many connections at once, and what it is held to afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.load.process import resident_bytes
from service.bundle import Bundle
from tests.chaos.handles import until_level
from tests.fuzz.attacker import Attacker, Seen
from tests.fuzz.neighbour import NAME, START, Neighbour
from tests.served import Served

ATTACKERS = 8
SESSIONS = 4  # of each
WARM = 0.1  # of all frames, before memory is measured first
GROWN = 48 * 2**20  # bytes; what waits for the collector of cycles, which seldom runs, and what 32 sessions may keep
LOOK = 0.2  # seconds between two looks
MARKS = ('"fault"', '"level": "error"', '"level": "critical"', "Traceback", "Exception ignored")


@dataclass
class Fuzzed:
    """What a campaign has seen."""

    seen: Seen = field(default_factory=Seen)
    seconds: float = 0.0
    memory: list[int] = field(default_factory=list)  # bytes, after the warm-up and at the end
    handles: list[int] = field(default_factory=list)
    neighbours: int = 0  # readings
    slowest: float = 0.0  # seconds for the neighbour's slowest answer
    log: int = 0  # bytes
    found: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.seen.total / self.seconds


def fuzz(
    bundle: Bundle, folder: Path, frames: int, seed: int, told: Callable[[int, int], None] = lambda _, __: None
) -> Fuzzed:
    """`told` hears how many frames were sent, and how many faults were found."""
    served = Served(
        bundle.path, f"sqlite:{folder / 'journal.sqlite'}", "--log-level", "warning", "--durable", "process"
    )
    served.start()
    fuzzed = Fuzzed()
    try:
        made = {NAME, *(name for number in range(ATTACKERS) for name in _sessions(number))}
        for name in made - {NAME}:
            httpx.put(f"{served.url}/v1/sessions/{name}", json={"start": START}).raise_for_status()
        neighbour = Neighbour(served)
        neighbour.start()
        began = time.perf_counter()
        warm = int(frames * WARM)
        for count, part in ((warm, 0), (frames - warm, 1)):
            _attack(served, count, seed + part, fuzzed, neighbour, told)
            fuzzed.handles.append(until_level(served.process, fuzzed.handles[0] if fuzzed.handles else None))
            fuzzed.memory.append(resident_bytes(served.process))
        fuzzed.seconds = time.perf_counter() - began
        _end_of(neighbour, fuzzed)
        if not served.answers(served.url):
            fuzzed.found.append("the service is not ready any more")
        listed = {each["session"] for each in httpx.get(f"{served.url}/v1/sessions?limit=1000").json()["sessions"]}
        if listed != made:
            fuzzed.found.append(f"sessions that nobody made, or that are gone: {sorted(listed ^ made)}")
        if fuzzed.memory[1] - fuzzed.memory[0] > GROWN:
            fuzzed.found.append(f"memory grew from {fuzzed.memory[0]} to {fuzzed.memory[1]} bytes")
    except (OSError, AssertionError, httpx.HTTPError) as fault:
        fuzzed.found.append(f"the service failed: {fault!r}")
    finally:
        status, output = served.end()
    if status != 0:
        fuzzed.found.append(f"the service ended with {status}")
    lines = output.splitlines()
    fuzzed.found += [f"in the log: {line[:1000]}" for line in lines if any(mark in line for mark in MARKS)][:20]
    fuzzed.log = len(output)
    fuzzed.found = fuzzed.seen.found + fuzzed.found
    return fuzzed


def _sessions(number: int) -> list[str]:
    return [f"prey-{number}-{at}" for at in range(SESSIONS)]


def _attack(
    served: Served, frames: int, seed: int, fuzzed: Fuzzed, neighbour: Neighbour, told: Callable[[int, int], None]
) -> None:
    """All attackers at once; returns when each has sent its share and gone."""
    shares = [(frames + number) // ATTACKERS for number in range(ATTACKERS)]
    attackers = [Attacker(served.port, at, _sessions(at), share, seed) for at, share in enumerate(shares)]
    before = fuzzed.seen.total
    for attacker in attackers:
        attacker.start()
    while any(attacker.is_alive() for attacker in attackers):
        attackers[0].join(LOOK)
        if not attackers[0].is_alive():
            time.sleep(LOOK / 10)
        told(
            before + sum(attacker.seen.total for attacker in attackers),
            len(neighbour.found) + sum(len(attacker.seen.found) for attacker in attackers),
        )
    for attacker in attackers:
        fuzzed.seen.add(attacker.seen)


def _end_of(neighbour: Neighbour, fuzzed: Fuzzed) -> None:
    neighbour.stopped.set()
    neighbour.join(120)
    if not neighbour.is_alive() and not neighbour.found:
        neighbour.check()
    if neighbour.is_alive():
        fuzzed.found.append("the neighbour waits for ever")
    fuzzed.neighbours, fuzzed.slowest = neighbour.readings, neighbour.slowest
    fuzzed.found += neighbour.found
