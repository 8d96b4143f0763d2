"""Where and when a measurement was taken: the line that stands beside every figure."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

QUIET = 0.5  # processes that want the processor beside us


def taken() -> str:
    """Machine, cores, date and commit in one line."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False)
    revision = (commit.stdout.strip() or "no commit") + (" with changes" if changed.stdout.strip() else "")
    machine = f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{machine}, {datetime.now(UTC):%Y-%m-%d}, {revision}"


def beside() -> str:
    """Says so where the machine has been busy in the last minute."""
    return f"; provisional, taken beside other work (load {load():.1f})" if load() > QUIET else ""


def load() -> float:
    """Processes that have wanted the processor in the last minute, in the mean."""
    return os.getloadavg()[0]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
