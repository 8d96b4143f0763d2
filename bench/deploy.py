"""A new model under live traffic: how long answers take before it is deployed, meanwhile, and after it was promoted.

    python -m bench.deploy [--sessions 1024] [--history 500] [--rate 40]

One connection, frames of 256 readings by columns that leave when they are due; the time counts from then. Journal
`process`. Every session has a history, so that as many states are rebuilt.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import numpy as np
from websockets.sync.client import ClientConnection, connect

from bench.load.server import service
from bench.machine import beside, taken
from bench.step import untrained
from service.bundle import MANIFEST, Bundle, write_manifest
from service.journal import Beginning, Subject, open_journal

FRAME = 256
SECONDS = 8.0  # of each phase that has no end of its own


class Load:
    """Readings of all sessions in turn, FRAME at a time."""

    def __init__(self, socket: ClientConnection, sessions: int, history: int, rate: float) -> None:
        self._socket = socket
        self._every = 1 / rate
        self._frames = sessions // FRAME
        self._steps = np.full(self._frames, history, "<i8")
        self._sent = 0
        for first in range(0, sessions, FRAME):
            self._ask({"handles": [f"s{at}" for at in range(first, first + FRAME)]})
        self.frame()

    def frame(self) -> None:
        """The next reading of the next FRAME sessions."""
        part = self._sent % self._frames
        answer = self._ask(
            {
                "sessions": np.arange(part * FRAME, (part + 1) * FRAME, dtype="<u4").tobytes(),
                "steps": np.full(FRAME, self._steps[part], "<i8").tobytes(),
                "y": np.random.default_rng(self._sent).normal(100, 10, FRAME).tobytes(),
            }
        )
        assert "errors" not in answer, answer["errors"][:1]
        self._steps[part] += 1
        self._sent += 1

    def run(self, goes_on: Callable[[], bool]) -> np.ndarray:
        """Seconds from when each frame was due to its answer."""
        found, due = [], time.perf_counter()
        while goes_on():
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            self.frame()
            found.append(time.perf_counter() - due)
            due += self._every
        return np.array(found)

    def _ask(self, body: object) -> dict[str, Any]:
        self._socket.send(msgspec.msgpack.encode(body))
        answer: dict[str, Any] = msgspec.msgpack.decode(self._socket.recv(timeout=120))
        return answer


class Look(threading.Thread):
    """Looks at the candidate from time to time, beside the load."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.state = "loading"
        self._url = url
        self.start()

    def run(self) -> None:
        while self.state in ("loading", "rebuilding"):
            self.state = _ask(self._url, "GET", "/v1/models")["candidate"]["state"]
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1024, help=f"a multiple of {FRAME}")
    parser.add_argument("--history", type=int, default=500, help="readings of each, before")
    parser.add_argument("--rate", type=float, default=40.0, help="frames a second")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models, journal = folder / "models", f"sqlite:{folder / 'journal.sqlite'}"
        old, _ = two_versions(models)
        write_sessions(old, journal, chosen.sessions, chosen.history)
        with service(models / "v1", journal, "process", {"models": str(models)}) as server:
            url = f"http://127.0.0.1:{server.port}"
            with connect(f"ws://127.0.0.1:{server.port}/v1/stream", max_size=None) as socket:
                load = Load(socket, chosen.sessions, chosen.history, chosen.rate)
                load.run(_for(SECONDS))  # brings all states in
                rows = [("before", load.run(_for(SECONDS)))]
                began = time.perf_counter()
                _ask(url, "POST", "/v1/models/v2/deploy?shadow=true")
                look = Look(url)
                rows.append(("loading, warming up", load.run(lambda: look.state == "loading")))
                rows.append(("rebuilding", load.run(lambda: look.state == "rebuilding")))
                took = time.perf_counter() - began
                assert look.state == "ready", look.state
                rows.append(("in the shadow", load.run(_for(SECONDS))))
                _ask(url, "POST", "/v1/models/v2/promote")
                rows.append(("the old one keeps up", load.run(_for(SECONDS))))
                _ask(url, "DELETE", "/v1/models/candidate")
                rows.append(("after", load.run(_for(SECONDS))))
    print(f"{taken()}{beside()}")
    print(f"{chosen.sessions} sessions of {chosen.history} readings and more; ready after {took:.1f} s\n")
    print("| answers to frames of 256, ms | frames | p50 | p99 | worst |\n| --- | ---: | ---: | ---: | ---: |")
    for name, seconds in rows:
        if len(seconds):
            p50, p99 = np.percentile(seconds, (50, 99)) * 1e3
            print(f"| {name} | {len(seconds)} | {p50:.1f} | {p99:.1f} | {seconds.max() * 1e3:.1f} |")


def two_versions(models: Path) -> tuple[Bundle, Bundle]:
    """The versions v1 and v2 of the default model: the same weights, told apart by their names."""
    models.mkdir()
    untrained(models / "v1")
    shutil.copytree(models / "v1", models / "v2")
    manifest = json.loads((models / "v2" / MANIFEST).read_text())
    write_manifest(models / "v2", json.dumps({**manifest, "name": "another"}))
    return Bundle.open(models / "v1"), Bundle.open(models / "v2")


def write_sessions(bundle: Bundle, url: str, sessions: int, history: int) -> None:
    """A journal with sessions s0 … of so many readings each, and no state of them."""
    manifest = bundle.manifest
    subject = Subject(manifest.target, tuple(manifest.covariates), manifest.time_zone)
    journal = open_journal(url, bundle.width, manifest.frequency, "process", subject)
    random = np.random.default_rng(0)
    for at in range(sessions):
        journal.create(Beginning(f"s{at}", 0, "bench", random.normal(100, 10, (history, bundle.width))))
    journal.close()


def _for(seconds: float) -> Callable[[], bool]:
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() < until


def _ask(url: str, method: str, path: str) -> dict[str, Any]:
    with urlopen(Request(url + path, method=method), timeout=60) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


if __name__ == "__main__":
    main()
