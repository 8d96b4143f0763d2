"""A service, or an echo on the same stack, in a process of its own that this process starts and ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.load.process import cpu_seconds, resident_bytes

_READY_SECONDS = 120.0
_LOOK = 0.002  # seconds between two looks at whether it is ready
_ROOT = Path(__file__).parents[2]


class Server:
    """One process that listens on a port of 127.0.0.1; used with `with`, at whose end it is ended."""

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        """`arguments` are those of python, `{port}` among them."""
        self.port = _free_port()
        self._command = [sys.executable, *(part.replace("{port}", str(self.port)) for part in arguments)]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.ready_seconds = 0.0  # from exec until it said that it was ready

    @property
    def process(self) -> int:
        """Its number."""
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process)

    @property
    def resident_bytes(self) -> int:
        return resident_bytes(self.process)

    def __enter__(self) -> Self:
        self._said = tempfile.TemporaryFile()
        began = time.perf_counter()
        self._process = subprocess.Popen(
            self._command, stdout=self._said, stderr=subprocess.STDOUT, cwd=_ROOT, env=self._environment
        )
        try:
            while not self._ready():
                if self._process.poll() is not None or time.perf_counter() - began > _READY_SECONDS:
                    raise RuntimeError(f"{' '.join(self._command)} did not become ready:\n{self._output()}")
                time.sleep(_LOOK)
            self.ready_seconds = time.perf_counter() - began
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def kill(self) -> None:
        """Ends the process as a power cut would end it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2.0) as asked:
                asked.sendall(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return asked.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def _output(self) -> str:
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._said.close()


def service(bundle: Path, journal: str, durable: str = "disk", settings: dict[str, str] | None = None) -> Server:
    """`gatecast serve` as users start it; `settings` are further GATECAST_ variables."""
    command = ["-m", "commands.main", "serve", str(bundle), "--port", "{port}", "--journal", journal]
    quiet = ["--durable", durable, "--log-level", "warning"]
    named = {f"GATECAST_{name.upper()}": value for name, value in (settings or {}).items()}
    return Server([*command, *quiet], {"PYTHONWARNINGS": "ignore", **named})


def echo(answer: bytes, form: str, folder: Path) -> Server:
    """A websocket that answers each frame with these bytes, under the service's own server and its settings."""
    canned = folder / f"answer.{form}"
    canned.write_bytes(answer)
    return Server(["-m", "bench.load.echo", "{port}", str(canned), form])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
