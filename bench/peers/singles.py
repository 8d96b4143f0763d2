"""One 24-step forecast of one series without a service: libraries in their environments, and our own runtime."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.load.percentiles import Latencies
from bench.peers.environment import Environment
from bench.peers.process import ROOT

_START_SECONDS = 240.0  # that importing and training for a step may take


@dataclass(frozen=True)
class Single:
    """A row; times in seconds."""

    title: str
    what: str
    p50: float | None = None
    p99: float | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Library:
    """Forecasts by a script of ours, bench.peers.NAME.forecast, in the library's environment, or in our own."""

    name: str
    title: str
    environment: Environment | None = None

    def forecasts(self, seconds: float, bundle: Path) -> list[Single]:
        """A row for each model; one that says so where the script fails."""
        python = str(self.environment.python) if self.environment else sys.executable
        path = os.environ.get("PYTHONPATH") if self.environment is None else None
        command = [python, "-m", f"bench.peers.{self.name}.forecast", str(seconds), str(bundle.absolute())]
        alone = {"PYTHONPATH": path or str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        try:
            with tempfile.TemporaryDirectory() as folder:  # libraries leave files where they run
                said = subprocess.run(
                    command, cwd=folder, env={**os.environ, **alone}, capture_output=True, text=True,
                    timeout=_START_SECONDS + 2 * seconds, check=False,
                )  # fmt: skip
        except subprocess.TimeoutExpired:
            return [Single(self.title, "–", failed="it did not end in time")]
        rows = read(self.title, said.stdout)
        if said.returncode != 0 or not rows:
            last = (said.stderr.strip().splitlines() or ["no word"])[-1]
            rows.append(Single(self.title, "–", failed=last.replace("|", "/")[:300]))
        return rows


class Report(msgspec.Struct):
    """A line of a script."""

    what: str
    shape: Sequence[int]
    seconds: list[float]


def read(title: str, said: str) -> list[Single]:
    """Rows of the reports among all that a script has written."""
    rows = []
    for line in said.splitlines():
        if line.startswith("{"):
            report = msgspec.json.decode(line, type=Report)
            times = Latencies.of(report.seconds)
            rows.append(Single(title, report.what, times.p50, times.p99))
    return rows
