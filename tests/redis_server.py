"""A real, private redis-server in a process of its own, which a test can kill, pause and start again."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from tests.programs import program
from tests.served import free_port

PROGRAM, PACKAGE = "redis-server", "redis-server"
PAUSE = 0.01  # between two looks whether it answers, seconds


def require_redis() -> None:
    """Skips the test, or fails, with what to install where there is no Redis (7.0 or newer)."""
    program(PROGRAM, package=PACKAGE)


class RedisServer:
    """One server on 127.0.0.1, at the same address across restarts; all it keeps is an append-only file under `folder`.

    `fsync` is Redis's `appendfsync`. What a process was told is in the operating system's hands before it answers,
    whichever it is; only `always` also survives a power cut.
    """

    def __init__(self, folder: Path, fsync: Literal["always", "everysec", "no"] = "always") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [PROGRAM, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        self._command += ["--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--daemonize", "no"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> int:
        """Its number."""
        assert self._process is not None, "this server was not started, or was ended"
        return self._process.pid

    def start(self, seconds: float = 30.0) -> None:
        """Starts the process and returns when it answers, with all that its file holds."""
        assert self._process is None, "this server runs already"
        require_redis()
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "redis.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(PAUSE)
        self.kill()
        raise AssertionError(f"redis-server was not ready within {seconds} s:\n{log.read_text(errors='replace')}")

    def stop(self) -> None:
        """SIGTERM: it writes what it holds and ends. Nothing, where none runs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: no farewell. Nothing, where none runs."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and are accepted, and nothing is answered."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: all that was sent meanwhile is answered."""
        self._send(signal.SIGCONT)

    def _send(self, sign: signal.Signals) -> None:
        assert self._process is not None, "this server was not started, or was ended"
        self._process.send_signal(sign)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(sign)
        process.send_signal(signal.SIGCONT)  # a paused one would never hear of it
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        return False
