"""Many sessions, all of which have spoken: memory for each, and how fast readings of all of them go.

    python -m bench.many_sessions [--million]

The states of all are kept at hand (GATECAST_RESIDENT_SESSIONS). Memory is what the process holds more than with 1,000
sessions, once the journal's tail is folded; readings come evenly from all of them, 256 a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import structs

from bench.load.job import Job, run
from bench.load.row import Row, met
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command, settle, state_bytes

FEW = 1_000
MANY = (10_000, 100_000)
MILLION = 1_000_000
MOST_BYTES, LEAST_RATE = 1.3, 0.7  # goals
DEFAULT_RESIDENT = 16_384


@dataclass(frozen=True)
class Found:
    """Of a service with so many sessions."""

    sessions: int
    resident_bytes: int
    state_bytes: int
    rate: float  # readings/s
    first_rate: float  # when each of them speaks for the first time

    def bytes_over_state(self, few: Found) -> float:
        grown = self.resident_bytes - few.resident_bytes
        return grown / (self.sessions - few.sessions) / self.state_bytes


def measure(setting: Setting) -> list[Row]:
    few = with_sessions(setting, FEW)
    rows = []
    for number in (*MANY, *([MILLION] if setting.million else [])):
        many = with_sessions(setting, number)
        size, share = many.bytes_over_state(few), many.rate / few.rate
        goal = number == MILLION
        rows.append(
            Row(
                "many_sessions",
                f"{number:,} sessions: bytes each over S × 4; readings/s against that with 1,000",
                "≤ 1.3; ≥ 70 %",
                f"{size:.2f}; {share:.0%} of {few.rate:,.0f} (their first readings: {many.first_rate:,.0f}/s)",
                met([size], [MOST_BYTES], most=True) and met([share], [LEAST_RATE]) if goal else None,
            )
        )
    out = with_sessions(setting, max(MANY), resident=DEFAULT_RESIDENT)
    rows.append(
        Row(
            "many_sessions",
            f"… {out.sessions:,} sessions in turn, of which {DEFAULT_RESIDENT:,} are at hand (the default)",
            "–",
            f"{out.bytes_over_state(few):.2f}; {out.rate / few.rate:.0%}",
        )
    )
    return rows


def with_sessions(setting: Setting, number: int, resident: int | None = None) -> Found:
    """Each session speaks once, then all of them in turn for the seconds of a measurement."""
    settings = {"resident_sessions": str(resident or max(number, DEFAULT_RESIDENT))}
    with setting.service({"s": number}, settings=settings) as server:
        flight, spoken = min(IN_FLIGHT, number // FRAME), number - number % FRAME
        job = Job(port=server.port, sessions=spoken, readings=FRAME, in_flight=flight, rounds=1)
        first = run(job)
        settle(server)
        steady = run(structs.replace(job, rounds=None, first_step=1, seconds=setting.seconds))
        settle(server)
        size, state, rate = server.resident_bytes, state_bytes(server), steady.readings_per_second
        return Found(spoken, size, state, rate, first.readings_per_second)


if __name__ == "__main__":
    command(__doc__, measure)
