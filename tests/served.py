"""A real `gatecast serve` in a process of its own, which a test can kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile

import httpx


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_ports(count: int) -> int:
    """The first of so many such ports that follow each other."""
    while True:
        first = free_port()
        with ExitStack() as probes, suppress(OSError):
            for port in range(first, first + count):
                probes.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


class Served:
    """One service over one bundle and one journal, at the same addresses across restarts."""

    def __init__(
        self,
        bundle: Path,
        journal: str,
        *options: str,
        workers: int = 1,
        program: Sequence[str] = ("commands.main",),
        within: Sequence[str] = (),
    ) -> None:
        """`program`: the module that is run, with what comes before `serve`; another one is a service with a fault.

        `within` is a command that becomes the one behind it, as `nice` does.
        """
        self.port = free_ports(workers)
        self.urls = [f"http://127.0.0.1:{port}" for port in range(self.port, self.port + workers)]
        self.url = self.urls[0]
        self.stream = f"ws://127.0.0.1:{self.port}/v1/stream"
        command = [*within, sys.executable, "-m", *program, "serve", str(bundle), "--port", str(self.port)]
        self._command = [*command, "--journal", journal, *options]
        self._command += ["--workers", str(workers)] if workers > 1 else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> int:
        """Its number."""
        assert self._process is not None
        return self._process.pid

    def start(self, seconds: float = 60.0) -> None:
        """Starts the process and returns when it says that it is ready."""
        environment = {**os.environ, "PYTHONWARNINGS": "default"}
        self._output = TemporaryFile()  # noqa: SIM115 (closed with its process; a pipe that nobody reads fills up)
        self._process = subprocess.Popen(
            self._command,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).parents[1],
        )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if all(map(self.answers, self.urls)):
                return
            time.sleep(0.05)
        output = self.end(signal.SIGKILL)[1]
        raise AssertionError(f"the service was not ready within {seconds} s:\n{output}")

    @staticmethod
    def answers(url: str) -> bool:
        """Whether it says that it is ready."""
        try:
            return httpx.get(f"{url}/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """kill -9: no farewell."""
        self.end(signal.SIGKILL)

    def end(self, sign: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Sends a signal and waits; exit status and what the service printed."""
        if self._process is None:
            return 0, ""
        process, self._process = self._process, None
        process.send_signal(sign)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._output as output:
            output.seek(0)
            return process.returncode, output.read().decode("utf-8", "replace")
