"""Full frames through one connection: the server's processor time for a reading, and readings a second.

    python -m bench.frames

256 readings a frame, each of another session, 24 x 3 forecast back, 8 frames in flight, SQLite journal, `disk`. The
generator is measured first, against an echo that answers with the service's own bytes.
"""

from __future__ import annotations

from bench.load.job import Job, Report, run
from bench.load.row import Row, met
from bench.load.server import Server
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command, full_frames, sample, settle

FORMS = ("msgpack", "json")
MICROS, RATES = (3.0, 7.5), (300_000, 140_000)  # goals
ROUNDS = 200  # frames of each session in the run that waits for what is put off


def measure(setting: Setting) -> list[Row]:
    able: list[Report] = []
    found: list[Report] = []
    many = FRAME * IN_FLIGHT
    made = dict.fromkeys(FORMS, many) | {f"first-{form}": FRAME for form in FORMS} | {"all": many}
    with setting.service(made) as server:
        for form in FORMS:
            answer = sample(server, f"first-{form}", form, FRAME)
            with setting.echo(answer, form) as nothing:
                able.append(full_frames(nothing, form, form, setting.seconds / 2, checked=False))
            found.append(full_frames(server, form, form, setting.seconds))
        whole = with_what_is_put_off(server)
    micros, rates = [each.server_micros for each in found], [each.readings_per_second for each in found]
    limits = [each.readings_per_second for each in able]
    own = [each.generator_micros for each in able]
    return [
        Row(
            "frames",
            "server CPU µs per reading, 256 a frame, MessagePack / JSON",
            "≤ 3.0 / ≤ 7.5",
            f"{micros[0]:.1f} / {micros[1]:.1f}",
            met(micros, MICROS, most=True),
        ),
        Row("frames", "… MessagePack, with all that is put off: folds, checkpoints", "–", f"{whole:.1f}"),
        Row(
            "frames",
            "readings/s through that one connection, MessagePack / JSON",
            "≥ 300,000 / ≥ 140,000",
            f"{rates[0]:,.0f} / {rates[1]:,.0f}",
            met(rates, RATES),
        ),
        Row(
            "frames",
            "… the generator, against an echo of the same bytes",
            "more than that",
            f"{limits[0]:,.0f} / {limits[1]:,.0f}, {own[0]:.1f} / {own[1]:.1f} µs each",
            met(limits, rates),
        ),
    ]


def with_what_is_put_off(server: Server) -> float:
    """Microseconds of a reading until the journal has nothing left to fold."""
    job = Job(
        port=server.port, prefix="all", sessions=FRAME * IN_FLIGHT, readings=FRAME, in_flight=IN_FLIGHT, rounds=ROUNDS
    )
    settle(server)
    before = server.cpu_seconds
    readings = run(job).readings
    settle(server)
    return (server.cpu_seconds - before) / readings * 1e6


if __name__ == "__main__":
    command(__doc__, measure)
