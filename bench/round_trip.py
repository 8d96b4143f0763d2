"""One client, one reading at a time: how long until its forecast is there.

    python -m bench.round_trip

Journal `process`. Once the next reading leaves when the answer is there, as the goal has it; once 200 a second leave
when they are due, answers or not, and the time counts from then.
"""

from __future__ import annotations

from bench.load.job import Job, run
from bench.load.percentiles import Latencies
from bench.load.row import Row, met
from bench.load.setting import Setting, command, sample

GOAL = 0.3e-3  # seconds
RATE = 200.0


def measure(setting: Setting) -> list[Row]:
    with setting.service({"first": 1, "turn": 1, "due": 1}, durable="process") as server:
        answer = sample(server, "first", "msgpack", 1)
        with setting.echo(answer, "msgpack") as nothing:
            floor = run(Job(port=nothing.port, seconds=setting.seconds / 2, checked=False))
        turn = run(Job(port=server.port, prefix="turn", seconds=setting.seconds, watched=server.process))
        due = run(Job(port=server.port, prefix="due", seconds=setting.seconds, rate=RATE, schedule="evenly"))
    there, back, late = Latencies.of(turn.seconds_each), Latencies.of(floor.seconds_each), Latencies.of(due.late)
    open_ = Latencies.of(due.seconds_each)
    return [
        Row(
            "round_trip",
            "one client, one reading, round trip p50 (journal `process`)",
            "≤ 0.3 ms",
            f"{there.p50 * 1e3:.2f} ms, p99 {there.p99 * 1e3:.2f} ms",
            met([there.p50], [GOAL], most=True),
        ),
        Row("round_trip", "… an echo of the same bytes", "–", f"{back.p50 * 1e3:.2f} ms, p99 {back.p99 * 1e3:.2f} ms"),
        Row("round_trip", "… server CPU µs per reading", "–", f"{turn.server_micros:.0f}"),
        Row(
            "round_trip",
            "… 200 a second when they are due, p50 (sent late at p99)",
            "–",
            f"{open_.p50 * 1e3:.2f} ms, p99 {open_.p99 * 1e3:.2f} ms ({late.p99 * 1e3:.2f} ms)",
        ),
    ]


if __name__ == "__main__":
    command(__doc__, measure)
