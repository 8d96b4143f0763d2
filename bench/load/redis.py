"""A Redis server of its own for one measurement: nothing else is on it, and its file goes with the folder."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load.process import cpu_seconds

_READY_SECONDS = 30.0


@dataclass(frozen=True)
class RedisProcess:
    """One that runs."""

    url: str
    process: int

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process)


@contextmanager
def redis(folder: Path, fsync: str) -> Iterator[RedisProcess]:
    """`redis-server`, which must be installed, on 127.0.0.1, with an append-only file and this `appendfsync`."""
    place = folder / f"redis-{fsync}"
    place.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(place), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", fsync]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _READY_SECONDS
        while not _answers(port):
            if running.poll() is not None or time.monotonic() > until:
                raise RuntimeError("redis-server did not become ready")
            time.sleep(0.02)
        yield RedisProcess(f"redis://127.0.0.1:{port}/0", running.pid)
    finally:
        running.terminate()
        running.wait(timeout=30)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
