"""Many sessions, all of which have spoken: memory for each, and how fast readings of all of them go.

    python -m bench.many_sessions [--million]

The states of all are kept at hand (GATECAST_RESIDENT_SESSIONS), but for the last row, where most of them come back
from the journal at each reading. Memory is what the process holds more than one with 1,000 sessions, once the journal's
tail is folded; readings come evenly from all sessions, 256 a frame by columns, 3 frames in flight (as many as 1,000
sessions fill), and the two services take turns, so long that the journal folds what it puts off.
"""

from __future__ import annotations

import statistics

from msgspec import structs

from bench.load.job import Job, run
from bench.load.row import Row, met
from bench.load.server import Server
from bench.load.setting import FRAME, Setting, command, settle, state_bytes

FEW = 1_000
MANY = (10_000, 100_000)
MILLION = 1_000_000
MOST_BYTES, LEAST_RATE = 1.3, 0.7  # goals
AT_HAND = 16_384  # states, where they are fewer than the sessions
TURNS = 2
IN_FLIGHT = FEW // FRAME


class Crowd:
    """A service with so many sessions, each of which has spoken once."""

    def __init__(self, server: Server, sessions: int) -> None:
        self.server = server
        self.sessions = sessions - sessions % FRAME
        self._job = Job(
            port=server.port, sessions=self.sessions, readings=FRAME, in_flight=IN_FLIGHT, rounds=1,
            watched=server.process,
        )  # fmt: skip
        self._reports = [run(self._job)]
        settle(server)

    def read(self, seconds: float) -> None:
        """Readings of all in turn, from where the last ones left them."""
        job = structs.replace(
            self._job, layout="columns", rounds=None, steps=self._reports[-1].steps, seconds=seconds, warm_up=0.2
        )
        self._reports.append(run(job))

    @property
    def first_rate(self) -> float:
        """Readings/s when each session spoke for the first time."""
        return self._reports[0].readings_per_second

    @property
    def rate(self) -> float:
        return statistics.median(each.readings_per_second for each in self._reports[1:])


def measure(setting: Setting) -> list[Row]:
    rows = []
    with setting.service({"s": FEW}) as server:
        few = Crowd(server, FEW)
        for number in (*MANY, *([MILLION] if setting.million else [])):
            what = f"{number:,} sessions: bytes each over S × 4; readings/s against that with 1,000"
            rows.append(beside(setting, few, number, number, what))
        what = f"… {max(MANY):,} sessions in turn, the states of {AT_HAND:,} at hand"
        rows.append(beside(setting, few, max(MANY), AT_HAND, what))
    return rows


def at_hand(states: int, sessions: int) -> dict[str, str]:
    """Settings of a service that keeps so many states at hand, and lets one stream call so many sessions by number."""
    return {"resident_sessions": str(states), "handles_per_stream": str(sessions)}


def beside(setting: Setting, few: Crowd, number: int, resident: int, what: str) -> Row:
    """So many sessions beside few of them, in turn."""
    with setting.service({"s": number}, settings=at_hand(resident, number)) as server:
        many = Crowd(server, number)
        settle(few.server)
        grown = many.server.resident_bytes - few.server.resident_bytes
        size = grown / (many.sessions - few.sessions) / state_bytes(server)
        for _ in range(TURNS):
            for crowd in (few, many):
                crowd.read(2 * setting.seconds)
        share = many.rate / few.rate
    return Row(
        "many_sessions",
        what,
        "≤ 1.3; ≥ 70 %" if number == MILLION else "–",
        f"{size:.2f}; {share:.0%} of {few.rate:,.0f} (their first readings: {many.first_rate:,.0f}/s)",
        met([size], [MOST_BYTES], most=True) and met([share], [LEAST_RATE]) if number == MILLION else None,
    )


if __name__ == "__main__":
    command(__doc__, measure)
