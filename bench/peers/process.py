"""The processes of a peer, on ports of 127.0.0.1: started, waited for, killed if that is asked, and all ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
_SET_CHILD_SUBREAPER = 36  # prctl(2): so that none of them is lost from sight
_READY_SECONDS, _END_SECONDS = 90.0, 15.0
_LOOK = 0.05  # seconds between two looks


@dataclass(frozen=True)
class Launch:
    """How a server is started. In `command` and `environment`, {port}, {grpc}, {spare} and {folder} are filled in."""

    command: Sequence[str]
    ready: str  # path of HTTP that says 200 once it serves
    environment: Mapping[str, str] = field(default_factory=dict)


class Running:
    """A server and all processes that it starts, from `with` to its end."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self.ports = {name: free_port() for name in ("port", "grpc", "spare")}
        self._process: subprocess.Popen[bytes] | None = None
        self._before: set[int] = set()

    @property
    def port(self) -> int:
        return self.ports["port"]

    def __enter__(self) -> Self:
        _adopt(True)
        self._before = descendants(os.getpid())
        self._said = tempfile.TemporaryFile()
        self._folder = tempfile.TemporaryDirectory(prefix="peer", ignore_cleanup_errors=True)
        filled = {**{name: str(port) for name, port in self.ports.items()}, "folder": self._folder.name}
        environment = {name: value.format(**filled) for name, value in self._launch.environment.items()}
        self._process = subprocess.Popen(
            [part.format(**filled) for part in self._launch.command],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        )
        try:
            self._wait(self._process)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_END_SECONDS)
        self.kill()
        _adopt(False)
        self._said.close()
        self._folder.cleanup()

    def kill(self) -> None:
        """kill -9 to every process of it, until none is left."""
        while own := descendants(os.getpid()) - self._before:
            for process in own:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            for process in own - {self._process.pid if self._process else 0}:
                with contextlib.suppress(ChildProcessError):  # not ours to bury: its parent, or we later
                    os.waitpid(process, os.WNOHANG)
            if self._process is not None:
                self._process.poll()
            time.sleep(_LOOK)

    @property
    def crashed(self) -> bool:
        """Whether its first process has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    @property
    def said(self) -> str:
        """The end of what it has written."""
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")[-1_500:]

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _READY_SECONDS
        while not says_ok(self.port, self._launch.ready):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"it did not become ready within {_READY_SECONDS:.0f} s; it said:\n{self.said}")
            time.sleep(_LOOK)


def _adopt(orphans: bool) -> None:
    """Whether processes below us that lose their parent become our children."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)


def descendants(process: int) -> set[int]:
    """Children of a process and theirs."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = set[int](), [process]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.add(child)
            waiting.append(child)
    return found


def says_ok(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as asked:
            asked.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            return b" 200" in asked.recv(64).split(b"\r\n")[0]
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
