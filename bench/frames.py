"""Full frames through one connection: the server's processor time for a reading, and readings a second.

    python -m bench.frames

256 readings a frame, each of another session, 24 x 3 forecast back, 8 frames in flight, SQLite journal, `disk`; by
columns, and with an object for each reading. The generator is measured first, against an echo that answers with the
service's own bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.load.job import Job, Report, run
from bench.load.row import Row, met
from bench.load.server import Server
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command, full_frames, sample, settle

FORMS, LAYOUTS = ("msgpack", "json"), ("columns", "items")
MICROS, RATES = (3.0, 7.5), (300_000, 140_000)  # goals, by columns
ROUNDS = 200  # frames of each session in the run that waits for what is put off


@dataclass(frozen=True)
class Found:
    """What one layout came to, MessagePack and JSON."""

    able: list[Report]  # the generator's own bound
    reports: list[Report]

    @property
    def micros(self) -> list[float]:
        return [each.server_micros for each in self.reports]

    @property
    def rates(self) -> list[float]:
        return [each.readings_per_second for each in self.reports]


def measure(setting: Setting) -> list[Row]:
    many = FRAME * IN_FLIGHT
    kinds = [f"{layout}-{form}-" for layout in LAYOUTS for form in FORMS]
    made = dict.fromkeys(kinds, many) | {f"first-{kind}": FRAME for kind in kinds} | {"all": many}
    with setting.service(made) as server:
        columns, items = (by(setting, server, layout) for layout in LAYOUTS)
        whole = with_what_is_put_off(server)
    limits = [each.readings_per_second for each in columns.able]
    own = [each.generator_micros for each in columns.able]
    return [
        Row(
            "frames",
            "server CPU µs per reading, 256 a frame by columns, MessagePack / JSON",
            "≤ 3.0 / ≤ 7.5",
            _both(columns.micros, ".1f"),
            met(columns.micros, MICROS, most=True),
        ),
        Row("frames", "… with an object for each reading", "–", _both(items.micros, ".1f")),
        Row("frames", "… MessagePack by columns, with all that is put off: folds, checkpoints", "–", f"{whole:.1f}"),
        Row(
            "frames",
            "readings/s through that one connection, MessagePack / JSON",
            "≥ 300,000 / ≥ 140,000",
            _both(columns.rates, ",.0f"),
            met(columns.rates, RATES),
        ),
        Row("frames", "… with an object for each reading", "–", _both(items.rates, ",.0f")),
        Row(
            "frames",
            "… the generator, against an echo of the same bytes",
            "more than that",
            f"{_both(limits, ',.0f')}, {_both(own, '.1f')} µs each",
            met(limits, columns.rates),
        ),
    ]


def by(setting: Setting, server: Server, layout: str) -> Found:
    """One layout in both forms, each after its echo."""
    able: list[Report] = []
    reports: list[Report] = []
    for form in FORMS:
        kind = f"{layout}-{form}-"
        answer = sample(server, f"first-{kind}", form, FRAME, layout)
        with setting.echo(answer, form) as nothing:
            able.append(full_frames(nothing, form, kind, setting.seconds / 2, checked=False, layout=layout))
        reports.append(full_frames(server, form, kind, setting.seconds, layout=layout))
    return Found(able, reports)


def _both(values: Sequence[float], how: str) -> str:
    return " / ".join(f"{value:{how}}" for value in values)


def with_what_is_put_off(server: Server) -> float:
    """Microseconds of a reading until the journal has nothing left to fold."""
    job = Job(
        port=server.port, layout="columns", prefix="all", sessions=FRAME * IN_FLIGHT, readings=FRAME,
        in_flight=IN_FLIGHT, rounds=ROUNDS,
    )  # fmt: skip
    settle(server)
    before = server.cpu_seconds
    readings = run(job).readings
    settle(server)
    return (server.cpu_seconds - before) / readings * 1e6


if __name__ == "__main__":
    command(__doc__, measure)
