"""What a journal that replicas share costs: readings/s over Redis beside SQLite, and requests that do not stick.

    python -m bench.replicas

Full frames through one connection to one service over each journal; the services run at once and take turns. Then one
client posts one reading after the other, of 32 sessions in turn, over connections that stay open: all to one replica,
or each to the next of three, which must find out that the session has moved on and replay what came elsewhere.
"""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing

from bench.load import sessions
from bench.load.percentiles import Latencies
from bench.load.redis import RedisProcess, redis
from bench.load.row import Row
from bench.load.server import Server, service
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command, full_frames

TURNS = 3
REPLICAS, SESSIONS = 3, 32


def measure(setting: Setting) -> list[Row]:
    return [*_rates(setting), *_moving(setting)]


def _rates(setting: Setting) -> list[Row]:
    """Of one service, through full frames."""
    made = {f"t{turn}-": FRAME * IN_FLIGHT for turn in range(TURNS)}
    with ExitStack() as stack:
        always = stack.enter_context(redis(setting.folder, "always"))
        second = stack.enter_context(redis(setting.folder, "everysec"))
        servers = {
            "SQLite, `disk`": stack.enter_context(setting.service(made)),
            "Redis, `always`": stack.enter_context(service(setting.bundle, always.url)),
            "Redis, `everysec`": stack.enter_context(service(setting.bundle, second.url, "process")),
        }
        behind: dict[str, RedisProcess] = {"Redis, `always`": always, "Redis, `everysec`": second}
        for name in behind:
            sessions.enter(behind[name].url, setting.bundle, made)
        rates: dict[str, list[float]] = {name: [] for name in servers}
        micros: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for turn in range(TURNS):
            for name, server in servers.items():
                before = behind[name].cpu_seconds if name in behind else 0.0
                report = full_frames(server, "msgpack", f"t{turn}-", setting.seconds / TURNS)
                theirs = (behind[name].cpu_seconds if name in behind else 0.0) - before
                rates[name].append(report.readings_per_second)
                micros[name].append((report.server_micros, theirs / (sum(report.steps) * FRAME) * 1e6))
    rows = []
    for name in servers:
        ours, theirs = (statistics.median(each[at] for each in micros[name]) for at in (0, 1))
        found = f"{statistics.median(rates[name]):,.0f}/s; {ours:.1f} µs" + (f", {theirs:.1f} µs" * (name in behind))
        rows.append(
            Row("replicas", f"full frames, {name}: readings/s; processor a reading (service, Redis)", "–", found)
        )
    return rows


class Poster:
    """Posts one reading of each session after the other, and knows their next step."""

    def __init__(self, servers: Sequence[Server], prefix: str) -> None:
        self._servers = servers
        self._prefix = prefix
        self._next = 0
        self._turn = 0

    def post(self, seconds: float) -> tuple[list[float], float]:
        """Whole rounds for so long: seconds each, and microseconds of processor of all services a reading."""
        with ExitStack() as stack:
            ways = [
                stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)))
                for server in self._servers
            ]
            before, took, until = self._cpu(), list[float](), time.perf_counter() + seconds
            while time.perf_counter() < until:
                for number in range(SESSIONS):
                    self._turn += 1
                    body = json.dumps({"step": self._next, "y": 100.0 + number % 7})
                    began = time.perf_counter()
                    said = _posted(ways[self._turn % len(ways)], f"{self._prefix}{number}", body)
                    took.append(time.perf_counter() - began)
                    if said.get("step") != self._next:
                        raise RuntimeError(f"the reading was refused: {said}")
                self._next += 1
            return took, (self._cpu() - before) / len(took) * 1e6

    def _cpu(self) -> float:
        return sum(server.cpu_seconds for server in self._servers)


def _posted(way: http.client.HTTPConnection, session: str, body: str) -> dict[str, object]:
    way.request("POST", f"/v1/sessions/{session}/observations", body, {"Content-Type": "application/json"})
    said: dict[str, object] = json.loads(way.getresponse().read())
    return said


def _moving(setting: Setting) -> list[Row]:
    """One POST after the other; the two take turns."""
    folder = setting.folder / "moving"
    folder.mkdir()
    with ExitStack() as stack:
        journal = stack.enter_context(redis(folder, "always"))
        servers = [stack.enter_context(service(setting.bundle, journal.url)) for _ in range(REPLICAS)]
        posters = {
            "all to one replica": Poster(servers[:1], "stays"),
            "each to the next of three": Poster(servers, "moves"),
        }
        for prefix in ("stays", "moves"):
            sessions.make(servers[0].port, prefix, SESSIONS)
        found: dict[str, list[tuple[list[float], float]]] = {name: [] for name in posters}
        for turn in range(TURNS + 1):
            for name, poster in posters.items():
                measured = poster.post(setting.seconds / TURNS)
                if turn:  # in the first one each replica meets each session
                    found[name].append(measured)
    rows = []
    for name, runs in found.items():
        each = Latencies.of(*(took for took, _ in runs))
        micros = statistics.median(each for _, each in runs)
        said = f"{each.p50 * 1e3:.2f} ms, p99 {each.p99 * 1e3:.2f} ms; {micros:.0f} µs"
        rows.append(Row("replicas", f"one POST after the other, {name}: p50; processor of the services", "–", said))
    return rows


if __name__ == "__main__":
    command(__doc__, measure)
