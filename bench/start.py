"""`gatecast serve`: from exec until /ready says yes, and the memory it holds then.

python -m bench.start
"""

from __future__ import annotations

import statistics

from bench.load.row import Row, met
from bench.load.setting import Setting, command

STARTS = 5
SECONDS, MEGABYTES = 1.0, 150.0  # goals


def measure(setting: Setting) -> list[Row]:
    seconds, cpu, memory = [], [], []
    for _ in range(STARTS):
        with setting.service() as server:
            seconds.append(server.ready_seconds)
            cpu.append(server.cpu_seconds)
            memory.append(server.resident_bytes / 1e6)
    ready, held = statistics.median(seconds), statistics.median(memory)
    return [
        Row(
            "start",
            "`gatecast serve` from exec to ready; resident memory",
            "≤ 1.0 s; ≤ 150 MB",
            f"{ready:.2f} s; {held:.0f} MB",
            met([ready, held], [SECONDS, MEGABYTES], most=True),
        ),
        Row(
            "start",
            f"… fastest of {STARTS}; processor time",
            "–",
            f"{min(seconds):.2f} s; {statistics.median(cpu):.2f} s",
        ),
    ]


if __name__ == "__main__":
    command(__doc__, measure)
