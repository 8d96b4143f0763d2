"""Histories posted to /v1/predict: one after the other and timed, or without pause from a process of its own.

python -m bench.load.predict PORT STEPS SERIES
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load.sessions import START

_ROOT = Path(__file__).parents[2]


class Poster:
    """One client with one connection and one request: `series` histories of `steps` readings."""

    def __init__(self, port: int, steps: int, series: int = 1) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        y = [100 + (7 * at) % 31 for at in range(steps)]
        sent = [{"unique_id": str(at), "start": START, "y": y} for at in range(series)]
        self._body = json.dumps({"series": sent, "horizon": 24, "quantiles": [0.1, 0.5, 0.9]}).encode()

    def post(self) -> float:
        """Seconds until the answer was there; `RuntimeError` where it is no forecast."""
        began = time.perf_counter()
        self._connection.request("POST", "/v1/predict", self._body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the history was refused: {said[:500].decode()}")
        return time.perf_counter() - began


@contextmanager
def posting(port: int, steps: int) -> Iterator[None]:
    """Meanwhile one client in another process posts histories of so many steps without pause."""
    command = [sys.executable, "-m", "bench.load.predict", str(port), str(steps), "1"]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it has had its first answer
        yield
        if process.poll() is not None:
            raise RuntimeError("the client that posts histories has failed")
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    port, steps, series = map(int, sys.argv[1:])
    poster = Poster(port, steps, series)
    poster.post()
    print("posting", flush=True)
    while True:
        poster.post()


if __name__ == "__main__":
    main()
