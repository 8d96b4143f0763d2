"""What it costs that a reading survives a power cut: the SQLite journal at `disk` against the memory journal.

    python -m bench.durability [--folder FOLDER]

Full frames through one connection; the services run at once and take turns. Beside it stands what one write costs that
reaches the disk, since that is the disk's and not ours.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from bench.load.row import Row, met
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command, full_frames

TURNS = 3
GOAL = 0.8
_WRITES, _BYTES = 100, 8192


def measure(setting: Setting) -> list[Row]:
    made = {f"t{turn}-": FRAME * IN_FLIGHT for turn in range(TURNS)}
    rates: dict[str, list[float]] = {"disk": [], "process": [], "memory": []}
    with (
        setting.service(made) as disk,
        setting.service(made, "process") as process,
        setting.service(made, memory=True) as memory,
    ):
        for turn in range(TURNS):
            for name, server in (("disk", disk), ("process", process), ("memory", memory)):
                report = full_frames(server, "msgpack", f"t{turn}-", setting.seconds / 3)
                rates[name].append(report.readings_per_second)
    found = {name: statistics.median(each) for name, each in rates.items()}
    share = found["disk"] / found["memory"]
    usual, worst = synced(setting.folder)
    return [
        Row(
            "durability",
            "journal `disk` against the memory journal, readings/s",
            "≥ 80 %",
            f"{share:.0%} of {found['memory']:,.0f}",
            met([share], [GOAL]),
        ),
        Row(
            "durability",
            "… `process` against it; a synced write of 8 KiB to this disk, p50 / p95",
            "–",
            f"{found['process'] / found['memory']:.0%}; {usual * 1e3:.1f} / {worst * 1e3:.1f} ms",
        ),
    ]


def synced(folder: Path) -> tuple[float, float]:
    """Median and 95th percentile of seconds until a write is on the disk."""
    path, seconds = folder / "synced", []
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        for turn in range(2):  # first to make the file as long as it will be
            for at in range(_WRITES):
                os.pwrite(file, bytes(_BYTES), at * _BYTES)
                began = time.perf_counter()
                os.fdatasync(file)
                if turn:
                    seconds.append(time.perf_counter() - began)
    finally:
        os.close(file)
        path.unlink()
    return statistics.median(seconds), sorted(seconds)[int(0.95 * _WRITES)]


if __name__ == "__main__":
    command(__doc__, measure)
