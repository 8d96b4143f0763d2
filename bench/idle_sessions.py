"""What a new client waits for its first answer where 100,000 others have spoken and are silent, and where none has.

    python -m bench.idle_sessions

Both services run at once and take turns; a new client makes its session, opens a stream and sends its first reading.
Journal `process`, so that the disk's moods do not hide what is looked for.
"""

from __future__ import annotations

import math
import select
import time

import msgspec

from bench.load import sessions
from bench.load.job import Job, run
from bench.load.percentiles import Latencies
from bench.load.row import Row
from bench.load.server import Server
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command, settle
from bench.load.websocket import Websocket

IDLE = 100_000
CLIENTS = 150
WARM = 10  # clients that do not count
_SECONDS = 10.0


def measure(setting: Setting) -> list[Row]:
    idle, empty = [], []
    with (
        setting.service({"s": IDLE}, "process") as crowded,
        setting.service({"s": FRAME}, "process") as alone,
    ):
        for server, number in ((crowded, IDLE), (alone, FRAME)):
            run(
                Job(
                    port=server.port,
                    sessions=number,
                    readings=FRAME,
                    in_flight=min(IN_FLIGHT, number // FRAME),
                    rounds=1,
                )
            )
            settle(server)
        for number in range(WARM):
            for server in (crowded, alone):
                first_answer(server, f"warm{number}-")
        before = crowded.cpu_seconds, alone.cpu_seconds
        for number in range(CLIENTS):
            for server, found in ((crowded, idle), (alone, empty))[:: 1 if number % 2 else -1]:
                found.append(first_answer(server, f"new{number}-"))
        cpu = (crowded.cpu_seconds - before[0]) / CLIENTS, (alone.cpu_seconds - before[1]) / CLIENTS
    least, most = interval([one - other for one, other in zip(idle, empty, strict=True)])
    with_, without = Latencies.of(idle), Latencies.of(empty)
    return [
        Row(
            "idle_sessions",
            "100,000 idle sessions: delay of a new client's first answer (median, 95 % interval of pairs)",
            "none measurable",
            f"{least * 1e3:+.2f} to {most * 1e3:+.2f} ms",
            least <= 0,
        ),
        Row(
            "idle_sessions",
            "… p50 / p99 with them; without; server CPU a client",
            "–",
            "; ".join(f"{each.p50 * 1e3:.1f} / {each.p99 * 1e3:.1f} ms" for each in (with_, without))
            + f"; {cpu[0] * 1e3:.2f} against {cpu[1] * 1e3:.2f} ms",
        ),
    ]


def interval(differences: list[float]) -> tuple[float, float]:
    """Between which two of them their median lies, 95 times in 100: the interval of the sign test."""
    reach = 1.96 * math.sqrt(len(differences)) / 2
    middle, ordered = (len(differences) - 1) / 2, sorted(differences)
    return ordered[math.floor(middle - reach)], ordered[math.ceil(middle + reach)]


def first_answer(server: Server, prefix: str) -> float:
    """Seconds from nothing until a new session's first forecast is there."""
    began = time.perf_counter()
    sessions.make(server.port, prefix, 1)
    stream = Websocket(server.port, "/v1/stream?quantiles=0.1,0.5,0.9&horizon=24")
    stream.send(msgspec.msgpack.encode({"session": f"{prefix}0", "step": 0, "y": 100.0}), text=False)
    while True:
        if not select.select([stream], [], [], _SECONDS)[0]:
            raise TimeoutError("a new session's first reading was not answered")
        for message in stream.receive():
            seconds = time.perf_counter() - began
            stream.close()
            if "forecast" not in msgspec.msgpack.decode(message):
                raise RuntimeError(f"a forecast was expected, got {message!r}")
            return seconds


if __name__ == "__main__":
    command(__doc__, measure)
