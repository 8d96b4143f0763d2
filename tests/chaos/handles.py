"""Files and connections that a process has open, as the kernel counts them."""

from __future__ import annotations

import time
from pathlib import Path

PAUSE = 0.05  # seconds between two looks
STILL = 3  # looks that agree


def handles(process: int) -> int:
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def until_level(process: int, most: int | None = None, seconds: float = 30.0) -> int:
    """How many there are when they do not change any more; with `most`, when they are not more than that."""
    end, before, still = time.monotonic() + seconds, -1, 0
    while still < STILL or (most is not None and before > most):
        assert time.monotonic() < end, f"{before} handles, {most} were expected at most"
        now = handles(process)
        still = still + 1 if now == before else 0
        before = now
        time.sleep(PAUSE)
    return before
