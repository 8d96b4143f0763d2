"""The stream's tail latency while one client posts histories of 10,000 readings without pause, and without it.

    python -m bench.histories

400 readings a second of 64 sessions over 8 connections, when they are due; quiet and busy stretches take turns.
"""

from __future__ import annotations

from contextlib import nullcontext

from bench.load.job import Job, run
from bench.load.percentiles import Latencies
from bench.load.predict import posting
from bench.load.row import Row, met
from bench.load.setting import Setting, command

STEPS = 10_000
RATE = 400.0
TURNS = 3
GOAL = 2.0


def measure(setting: Setting) -> list[Row]:
    quiet, busy = [], []
    with setting.service({f"{turn}-{kind}-": 64 for turn in range(TURNS) for kind in "qb"}) as server:
        for turn in range(TURNS):
            for kind, found in (("q", quiet), ("b", busy)):
                job = Job(
                    port=server.port, prefix=f"{turn}-{kind}-", sessions=64, connections=8, seconds=setting.seconds,
                    warm_up=0.5, rate=RATE,
                )  # fmt: skip
                with posting(server.port, STEPS) if kind == "b" else nullcontext():
                    found.append(run(job).seconds_each)
    without, beside = Latencies.of(*quiet), Latencies.of(*busy)
    ratio = beside.p99 / without.p99
    return [
        Row(
            "histories",
            "streaming p99 while one client posts 10,000-point histories, against without",
            "≤ 2 x",
            f"{ratio:.1f} x",
            met([ratio], [GOAL], most=True),
        ),
        Row(
            "histories",
            "… p50 / p99 without; beside them",
            "–",
            "; ".join(f"{each.p50 * 1e3:.1f} / {each.p99 * 1e3:.1f} ms" for each in (without, beside)),
        ),
    ]


if __name__ == "__main__":
    command(__doc__, measure)
