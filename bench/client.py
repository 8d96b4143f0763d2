"""What the client library costs, against a generator that encodes, sends and parses and does nothing else.

    python -m bench.client [--write]

Each way through the library and the generator take turns at one service; processor time is that of the loading process.
"""

from __future__ import annotations

import statistics

import numpy as np

from bench import section
from bench.load.client_library import Errand, Found, Way, run
from bench.load.job import Job, Layout
from bench.load.job import run as run_bare
from bench.load.percentiles import Latencies
from bench.load.server import Server
from bench.load.setting import FRAME, IN_FLIGHT, Setting, options, setting
from bench.machine import beside, taken

TURNS = 3
WIDE: dict[Way, Layout] = {"columns": "columns", "many": "items"}
HEAD = ["| through the library | its CPU | the generator's | ratio | |", "| --- | ---: | ---: | ---: | --- |"]


def measure(setting: Setting) -> list[str]:
    seconds = setting.seconds / TURNS
    made = {f"{way}{turn}-{who}": FRAME * IN_FLIGHT for way in WIDE for turn in range(TURNS) for who in "abc"}
    alone = {f"{way}{turn}-": 1 for way in ("single", "blocking", "bare") for turn in range(TURNS)}
    lines = [*HEAD]
    with setting.service(made | alone, durable="process") as server:
        for way, layout in WIDE.items():
            lines.append(wide(server, way, layout, seconds))
        lines += narrow(server, seconds)
    return lines


def wide(server: Server, way: Way, layout: Layout, seconds: float) -> str:
    """256 readings a call, eight calls at once."""
    kept, none, bare, rates = [], [], [], []
    for turn in range(TURNS):
        prefix = f"{way}{turn}-"
        many = {"readings": FRAME, "calls": IN_FLIGHT, "seconds": seconds}
        found = run(Errand(port=server.port, way=way, prefix=f"{prefix}a", **many))
        kept.append(found.micros)
        rates.append(found.readings / found.seconds)
        none.append(run(Errand(port=server.port, way=way, prefix=f"{prefix}b", resend_readings=0, **many)).micros)
        job = Job(
            port=server.port, layout=layout, prefix=f"{prefix}c", sessions=FRAME * IN_FLIGHT, readings=FRAME,
            in_flight=IN_FLIGHT, seconds=seconds,
        )  # fmt: skip
        bare.append(run_bare(job).generator_micros)
    ours, without, theirs = map(statistics.median, (kept, none, bare))
    what = "`observe_columns`" if way == "columns" else "`observe_many`"
    return (
        f"| {what}, {FRAME} a call, {IN_FLIGHT} calls at once "
        f"| {ours:.2f} µs a reading | {theirs:.2f} | {ours / theirs:.1f} x "
        f"| {without:.2f} µs with nothing kept to be sent again; {statistics.median(rates):,.0f} readings/s |"
    )


def narrow(server: Server, seconds: float) -> list[str]:
    """One reading, and the next one when it is answered."""
    found: dict[Way, list[Found]] = {"single": [], "blocking": []}
    trips, costs = [], []
    for turn in range(TURNS):
        for way, all_ in found.items():
            all_.append(run(Errand(port=server.port, way=way, prefix=f"{way}{turn}-", seconds=seconds)))
        bare = run_bare(Job(port=server.port, prefix=f"bare{turn}-", seconds=seconds))
        trips.append(Latencies.of(bare.seconds_each).p50)
        costs.append(bare.generator_micros)
    lines = []
    for way, what in (("single", "`observe`, one at a time"), ("blocking", "the same, `SyncGatecastClient`")):
        ours, theirs = statistics.median(each.micros for each in found[way]), statistics.median(costs)
        trip = statistics.median(Latencies.of(np.array(each.latencies)).p50 for each in found[way])
        lines.append(
            f"| {what} | {ours:.0f} µs a reading | {theirs:.0f} | {ours / theirs:.1f} x "
            f"| round trip p50 {trip * 1e3:.2f} ms, the generator's {statistics.median(trips) * 1e3:.2f} |"
        )
    return lines


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--write", action="store_true", help="enter it into RESULTS.md")
    chosen = parser.parse_args()
    where = taken() + beside()
    with setting(chosen) as made:
        lines = measure(made)
    print("\n".join([where, "", *lines]))
    if chosen.write:
        section.write("bench.client", [where, "", *lines])


if __name__ == "__main__":
    main()
