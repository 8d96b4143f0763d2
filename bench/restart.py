"""Starting again over a large journal, and how soon 100,000 sessions go on after a `kill -9`.

    python -m bench.restart [--sessions 1000000] [--folder FOLDER] [--write]

The journal has so many sessions of 24 readings each. Ready is counted from exec; the first answer is that of a session
that was never asked for since the start. Then 100,000 of them speak once, the service is ended (which saves their
states) and started again, they speak twice more, and it is killed: those readings are in the tail. After the next
start each of them sends one reading, and all wait for their forecasts: states are rebuilt from their checkpoints and
the two readings behind each.
"""

from __future__ import annotations

import select
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec import structs

from bench import section
from bench.load import sessions
from bench.load.job import Job, run
from bench.load.names import names
from bench.load.row import HEAD, Row, as_markdown, as_text, met
from bench.load.server import Server, service
from bench.load.setting import FRAME, IN_FLIGHT, options, setting, told
from bench.load.websocket import Websocket
from bench.machine import beside, taken

FEW, MANY, SPEAKERS = 1_000, 1_000_000, 100_000
READINGS = 24  # of each session
MOST_SECONDS = 2.0  # the goal, from exec to ready
_AT_ONCE = 50_000
_PATIENCE = 300  # seconds that saving all states may take


def fill(path: Path, bundle: Path, number: int) -> None:
    """A journal with so many sessions `s0` …, all of whose readings are folded."""
    from service.journal import schema
    from service.journal.faults import transaction
    from service.journal.protocol import Readings
    from service.journal.rows import move_on

    sessions.write(path, bundle, {"s": number})
    database = schema.connect(path, "process")
    (rows,) = database.execute("SELECT value FROM meta WHERE name = 'segment_rows'").fetchone()
    try:
        for first in range(1, number + 1, _AT_ONCE):
            keys = np.arange(first, min(first + _AT_ONCE, number + 1)).repeat(READINGS)
            steps = np.arange(len(keys)) % READINGS
            values = 100 + np.sin(steps / READINGS * 2 * np.pi)[:, None]
            with transaction(database, path, "be filled"):
                readings = Readings(keys, np.ones_like(keys), steps, values)
                move_on(database, readings, np.zeros_like(keys), rows, time.time())
    finally:
        database.close()


def first_answer(server: Server, name: str) -> float:
    """Seconds from a session's next reading, over a new stream, to its forecast."""
    stream = Websocket(server.port, "/v1/stream?quantiles=0.1,0.5,0.9&horizon=24")
    began = time.perf_counter()
    stream.send(msgspec.msgpack.encode({"session": name, "step": READINGS, "y": 100.0}), text=False)
    while not (messages := [*stream.receive()] if select.select([stream], [], [], 10)[0] else [b"\xc0"]):
        pass
    seconds = time.perf_counter() - began
    if "forecast" not in (msgspec.msgpack.decode(messages[0]) or {}):
        raise RuntimeError(f"a forecast was expected, got {messages[0]!r}")
    stream.close()
    return seconds


def metric(server: Server, name: str) -> float:
    lines = (line.split() for line in told(server, "/metrics").decode().splitlines())
    return next(float(line[1]) for line in lines if line[0] == name)


@dataclass(frozen=True)
class Ready:
    """A service that has just become ready: seconds since exec, its processor time, its memory."""

    seconds: float
    cpu: float
    held: int

    @classmethod
    def of(cls, server: Server) -> Ready:
        return cls(server.ready_seconds, server.cpu_seconds, server.resident_bytes)

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s (processor {self.cpu:.2f} s), {self.held / 1e6:.0f} MB"

    def over(self, other: Ready) -> str:
        """As ratios to another one."""
        return f"{self.seconds / other.seconds:.2f} x ({self.cpu / other.cpu:.2f} x), {self.held / other.held:.2f} x"


def waiting(path: Path) -> int:
    """Readings in the tail."""
    database = sqlite3.connect(path)
    (found,) = database.execute("SELECT total(count) FROM batches").fetchone()
    database.close()
    return int(found)


def speak(server: Server, job: Job, steps: list[int]) -> tuple[float, list[int]]:
    """Seconds until one reading of each speaker is answered, and the next step of each block."""
    began = time.perf_counter()
    report = run(structs.replace(job, port=server.port, steps=steps, rounds=1))
    return min(report.seconds, time.perf_counter() - began), report.steps


def measure(start: Callable[[Path], Server], bundle: Path, folder: Path, number: int) -> list[Row]:
    small, large = folder / "small.sqlite", folder / "large.sqlite"
    fill(small, bundle, FEW)
    fill(large, bundle, number)
    with start(small) as server:
        few = Ready.of(server)
    speakers = min(SPEAKERS, number) // FRAME * FRAME
    job = Job(port=0, sessions=speakers, readings=FRAME, in_flight=IN_FLIGHT, layout="columns", warm_up=0)
    steps = [READINGS] * (speakers // FRAME)
    with start(large) as server:
        ready = Ready.of(server)
        answered = first_answer(server, names("s", number)[-1])
        cold, steps = speak(server, job, steps)
        server.end(_PATIENCE)
    with start(large) as server:
        for _ in range(2):
            _, steps = speak(server, job, steps)
        server.kill()
    tail = waiting(large)
    with start(large) as server:
        again = Ready.of(server)
        answered_again = first_answer(server, names("s", number)[-2])
        before = server.cpu_seconds
        recovered, steps = speak(server, job, steps)
        cpu = server.cpu_seconds - before
        rebuilt, replayed = metric(server, "gatecast_rebuilt_total"), metric(server, "gatecast_replayed_total")
    return [
        Row(
            "restart",
            f"{number:,} sessions: exec to ready, memory; against {FEW:,} sessions",
            "≤ 2 s",
            f"{ready}; {ready.over(few)} of {few}",
            met([ready.seconds], [MOST_SECONDS], most=True),
        ),
        Row("restart", "… its first answer to a session that it was never asked for", "–", f"{answered * 1e3:.0f} ms"),
        Row(
            "restart",
            f"… {speakers:,} of them speak: all answered, each replayed from its {READINGS} readings",
            "–",
            f"{cold:.1f} s, {speakers / cold:,.0f} readings/s",
        ),
        Row(
            "restart",
            f"after a kill -9, {tail:,} readings in the tail: exec to ready, memory; against the same; first answer",
            "≤ 2 s",
            f"{again}; {again.over(few)}; {answered_again * 1e3:.0f} ms",
            met([again.seconds], [MOST_SECONDS], most=True),
        ),
        Row(
            "restart",
            f"… {speakers:,} of them send a reading each: all answered; states rebuilt, readings replayed for them",
            "–",
            f"{recovered:.1f} s (processor {cpu:.1f} s), {speakers / recovered:,.0f} readings/s; {rebuilt:,.0f}, "
            f"{replayed:,.0f}",
        ),
    ]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--sessions", type=int, default=MANY, help="of the large journal")
    parser.add_argument("--write", action="store_true", help="enter them into RESULTS.md")
    chosen = parser.parse_args()
    where = taken() + beside()
    with setting(chosen) as made:

        def start(path: Path) -> Server:
            return service(
                made.bundle,
                f"sqlite:{path}",
                "disk",
                {"handles_per_stream": str(SPEAKERS), "drain_seconds": str(_PATIENCE)},
            )

        rows = measure(start, made.bundle, made.folder, chosen.sessions)
    print(f"{where}\n{as_text(rows)}")
    if chosen.write:
        section.write(
            "bench.restart",
            [where, "", f"| {' | '.join(HEAD)} |", "| --- | --- | --- | --- | --- |", *as_markdown(rows)],
        )


if __name__ == "__main__":
    main()
