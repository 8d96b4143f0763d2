"""A real Prometheus in a process of its own, over the configuration that we ship, and its own tools."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from tests.programs import program
from tests.served import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
PAUSE = 0.05  # between two looks, seconds


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [program("promtool", package="prometheus"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Prometheus:
    """Scrapes one service every fifth of a second, by the file we ship with these intervals and this address."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder = folder
        self._target = target
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60.0) -> None:
        """Returns when it is ready."""
        shipped = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        config = shipped.replace("gatecast:8000", self._target).replace("_interval: 15s", "_interval: 200ms")
        assert config.count(self._target) == 1
        (self._folder / "prometheus.yml").write_text(config)
        shutil.copy(DEPLOY / "prometheus" / "alerts.yml", self._folder)
        command = [program("prometheus", package="prometheus"), f"--config.file={self._folder / 'prometheus.yml'}"]
        command += [f"--storage.tsdb.path={self._folder / 'data'}", "--query.lookback-delta=5s"]
        command += [f"--web.listen-address={self.url.removeprefix('http://')}"]
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self._folder)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/-/ready", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(PAUSE)
        self.stop()
        raise AssertionError(f"not ready:\n{(self._folder / 'prometheus.log').read_text()}")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its API; fails with its words where it refuses."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=10).json()
        assert answer["status"] == "success", f"{query}: {answer}"
        return answer["data"]

    def numbers(self, expression: str) -> list[float]:
        """What an expression comes to now, a number for each series; those that are not a number are none."""
        found = [float(each["value"][1]) for each in self.ask("query", query=expression)["result"]]
        return [number for number in found if number == number]
