"""One reading a frame on 64 connections, against an echo of equal bytes both ways on the same stack.

    python -m bench.single

Each connection has one frame in flight, against the service and against the echo, which take turns.
"""

from __future__ import annotations

import statistics

from bench.load.job import Job, run
from bench.load.row import Row, met
from bench.load.setting import Setting, command, sample

CONNECTIONS = 64
TURNS = 3
FORMS = ("msgpack", "json")
GOAL = 0.8


def measure(setting: Setting) -> list[Row]:
    made = {f"{form}{turn}-": CONNECTIONS for form in FORMS for turn in range(TURNS)} | {
        f"first-{form}": 1 for form in FORMS
    }
    shares, rates, floors, micros = [], [], [], []
    with setting.service(made) as server:
        for form in FORMS:
            answer = sample(server, f"first-{form}", form, 1)
            ours, theirs = [], []
            with setting.echo(answer, form) as nothing:
                for turn in range(TURNS):
                    for there, found in ((nothing, theirs), (server, ours)):
                        job = Job(
                            port=there.port, form=form, prefix=f"{form}{turn}-", sessions=CONNECTIONS,
                            connections=CONNECTIONS, seconds=setting.seconds / 3, warm_up=0.3, watched=there.process,
                            checked=there is server,
                        )  # fmt: skip
                        found.append(run(job))
            rate, floor = (statistics.median(each.frames_per_second for each in runs) for runs in (ours, theirs))
            shares.append(rate / floor)
            rates.append(rate)
            floors.append(floor)
            micros.append(statistics.median(each.server_micros for each in ours))
    return [
        Row(
            "single",
            "one reading a frame, 64 connections, against an echo, MessagePack / JSON",
            "≥ 80 %",
            f"{shares[0]:.0%} / {shares[1]:.0%}",
            met(shares, [GOAL] * 2),
        ),
        Row(
            "single",
            "… frames/s; the echo's; server CPU µs per frame",
            "–",
            "; ".join(f"{pair[0]:,.0f} / {pair[1]:,.0f}" for pair in (rates, floors, micros)),
        ),
    ]


if __name__ == "__main__":
    command(__doc__, measure)
