"""What the kernel says of a process: the processor time of all its threads, and the memory that it holds."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_AFTER_NAME = 2  # fields of stat before the state: the process's number and its name, which may hold blanks
_USER, _SYSTEM = 14 - _AFTER_NAME - 1, 15 - _AFTER_NAME - 1  # proc(5), counted from 1


def cpu_seconds(process: int) -> float:
    """User and system time of all threads, those that have ended too, in seconds; to a hundredth."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS


@contextmanager
def on(cores: Collection[int]) -> Iterator[None]:
    """Processes that are started meanwhile run on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def resident_bytes(process: int) -> int:
    """Memory of the process that is in RAM (VmRSS), pages of shared libraries among it."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {process} has ended")
