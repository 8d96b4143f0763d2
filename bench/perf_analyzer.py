"""Triton's own load generator in sequence mode, against Gatecast and against Triton, with one bundle in both.

    GATECAST_PERF_ANALYZER=PATH python -m bench.perf_analyzer [--write]

The program is in the wheel of an older client, and needs two libraries that LD_LIBRARY_PATH must name:

    pip download --no-deps tritonclient==2.49.0 nvidia-cuda-runtime-cu12==12.6.77, and unzip both
    apt-get download libb64-0d, and dpkg -x it

Triton is the one that `make bench-peers` installs (GATECAST_PEERS). It keeps its states in a dict, which a restart
forgets; Gatecast records each reading in its journal before it answers. The series counts its steps, since the program
cannot say by HTTP when one starts.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load.triton import SEQUENCE, START, STEP
from bench.machine import beside, taken
from bench.peers.process import ROOT, Launch, Running
from bench.peers.triton.peer import ENVIRONMENT, launch
from bench.section import write

COMMAND = "python -m bench.perf_analyzer --write"
PROGRAM = "GATECAST_PERF_ANALYZER"
LENGTH = 200  # readings of a sequence
CONCURRENCY = (1, 8, 32)
REQUESTS = 6_000  # of each row: windows until they are alike would end on a quiet machine alone
_SECONDS = 120
MORE = ("--grpc-port", "{grpc}", "--log-level", "warning")
_PROTOCOLS = {"HTTP": ["-i", "http"], "gRPC stream": ["-i", "grpc", "--streaming"]}


@dataclass(frozen=True)
class Server:
    """What is asked: how it is started, its model, and one reading's tensors."""

    name: str
    model: str
    launch: Launch
    tensors: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One setting; latencies in microseconds."""

    server: str
    protocol: str
    concurrency: int
    per_second: float
    p50: float
    p99: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="enter the table into bench/RESULTS.md")
    parser.add_argument("--bundle", type=Path, help="of a series that counts its steps, instead of an untrained one")
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"of each row, {REQUESTS} by default")
    chosen = parser.parse_args()
    if PROGRAM not in os.environ:
        parser.error(f"{PROGRAM} was expected to name the program perf_analyzer; see --help")
    ENVIRONMENT.install()
    with tempfile.TemporaryDirectory(prefix="perf") as folder:
        rows = list(measured(Path(folder), chosen.bundle, chosen.requests))
    lines = table(rows, chosen.requests)
    print("\n".join(lines))
    if chosen.write:
        write(COMMAND, lines)


def measured(folder: Path, bundle: Path | None, requests: int) -> Iterator[Row]:
    if bundle is None:
        from bench.step import untrained

        bundle = untrained(folder / "bench.bundle", frequency="1", quantiles=(0.1, 0.5, 0.9))
    for server in servers(bundle, folder):
        data = folder / f"{server.model}.json"
        data.write_text(json.dumps({"data": [[reading(step, server.tensors) for step in range(LENGTH)]]}))
        with Running(server.launch) as running:
            for protocol, options in _PROTOCOLS.items():
                port = running.port if protocol == "HTTP" else running.ports["grpc"]
                for concurrency in CONCURRENCY:
                    asked = [*options, "-u", f"127.0.0.1:{port}", "--input-data", str(data)]
                    yield one(server, protocol, concurrency, [*asked, "--request-count", str(requests)], folder)


def servers(bundle: Path, folder: Path) -> Iterator[Server]:
    name = json.loads((bundle / "manifest.json").read_text())["name"]
    for kind, journal in (("in memory", "memory"), ("on the disk", f"sqlite:{folder / 'journal.sqlite'}")):
        command = [sys.executable, "-m", "commands.main", "serve", str(bundle), "--port", "{port}"]
        environment = {"PYTHONWARNINGS": "ignore", "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))}
        started = Launch([*command, *MORE, "--journal", journal], "/ready", environment)
        yield Server(f"Gatecast, journal {kind}", name, started, ("y",))
    version = ENVIRONMENT.version("nvidia-pytriton")
    yield Server(f"Triton 2.51 (nvidia-pytriton {version})", SEQUENCE, launch(bundle, folder), ("VALUE", "TIME"))


def reading(step: int, tensors: Sequence[str]) -> dict[str, list[float]]:
    values = [10 * math.sin(2 * math.pi * step / 24), START + STEP * step]
    return {name: [value] for name, value in zip(tensors, values, strict=False)}


def one(server: Server, protocol: str, concurrency: int, options: Sequence[str], folder: Path) -> Row:
    """Runs the program once; `RuntimeError` with its words where it has found nothing."""
    found = folder / "found.csv"
    found.unlink(missing_ok=True)
    command = [os.environ[PROGRAM], "-m", server.model, *options, "--concurrency-range", f"{concurrency}:{concurrency}"]
    said = subprocess.run(
        [*command, "-f", str(found)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if not found.is_file():
        raise RuntimeError(f"{server.name}, {protocol}: {said.stdout[-1000:]}{said.stderr[-500:]}")
    with found.open(newline="") as file:
        (row,) = list(csv.DictReader(file))
    return Row(
        server.name,
        protocol,
        concurrency,
        float(row["Inferences/Second"]),
        float(row["p50 latency"]),
        float(row["p99 latency"]),
    )


def table(rows: Sequence[Row], requests: int) -> list[str]:
    lines = [
        "",
        f"{taken()}, {requests:,} requests a row{beside()}",
        "",
        "| server | protocol | sequences at once | readings/s | p50, ms | p99, ms |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        times = f"{row.p50 / 1000:.2f} | {row.p99 / 1000:.2f}"
        lines.append(f"| {row.server} | {row.protocol} | {row.concurrency} | {row.per_second:,.0f} | {times} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
