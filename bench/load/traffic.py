"""What is sent and what must come back: frames of readings in one form, and answers parsed as a client parses them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

import msgspec
from gatecast_client.columns import Forecasts, as_raw
from gatecast_client.wire import Columns, Kind, Wire

from bench.load.job import Job
from bench.load.names import names

_WAVE = [round(100 + 30 * math.sin(hour * math.tau / 24) + 7 * math.sin(hour), 2) for hour in range(24 * 7)]


class Reading(msgspec.Struct):
    """One reading on the wire."""

    session: str
    step: int
    y: float


class Block:
    """The sessions of one frame, which advance together; `step` is their next one."""

    def __init__(self, number: int, names: list[str], step: int, job: Job) -> None:
        self.number = number
        self.names = names
        self.step = step
        self.first = 0  # handle of its first session, on its connection
        self._readings = [Reading(name, step, 0.0) for name in names]
        self._body: object = self._readings if len(names) > 1 else self._readings[0]
        self._text = job.form == "json"
        self._encode = (msgspec.json if self._text else msgspec.msgpack).Encoder().encode
        self._by_columns = job.layout == "columns"

    def next(self) -> bytes:
        """The frame of the next step."""
        step, self.step = self.step, self.step + 1
        y = _WAVE[step % len(_WAVE)]
        if self._by_columns:
            return self._encode(self._columns(step, y))
        for reading in self._readings:
            reading.step = step
            reading.y = y
        return self._encode(self._body)

    def _columns(self, step: int, y: float) -> dict[str, object]:
        count = len(self.names)
        sessions = range(self.first, self.first + count)
        if self._text:
            return {"sessions": [*sessions], "steps": [step] * count, "y": [y] * count}
        columns = array("I", sessions), array("q", [step]) * count, array("d", [y]) * count
        return dict(zip(("sessions", "steps", "y"), map(as_raw, columns), strict=True))


def blocks(job: Job) -> list[list[Block]]:
    """Those of each connection, in the order in which they are sent; sessions that fill no frame are left out."""
    dealt: list[list[Block]] = [[] for _ in range(job.connections)]
    all_ = names(job.prefix, job.sessions, job.worker, job.workers)
    for number in range(job.sessions // job.readings):
        some = all_[number * job.readings : (number + 1) * job.readings]
        step = job.steps[number] if job.steps else 0
        dealt[number % job.connections].append(Block(number, some, step, job))
    for own in dealt:
        own.sort(key=lambda block: block.step)  # goes on where the last round was left
    return dealt


def in_turn(own: list[Block], rounds: int | None) -> Iterator[Block]:
    """Blocks, round and round; for ever, or so many rounds."""
    while rounds is None or rounds > 0:
        yield from own
        rounds = None if rounds is None else rounds - 1


class Answers:
    """Parses answers with the client's own decoder; `ValueError` where a reading was refused.

    `bare` counts acknowledgements without a forecast: sessions of which a newer reading was waiting already.
    """

    def __init__(self, job: Job) -> None:
        self.bare = 0
        self._wire = Wire(job.form)
        self._expected = job.readings
        self._checked = job.checked
        self._kind: Kind = "columns" if job.layout == "columns" else "items"

    def take(self, message: bytes) -> None:
        answer = self._wire.decode(message, self._kind)
        if isinstance(answer, Columns):
            self._columns(answer)
            return
        if not self._checked:
            return
        items = answer if isinstance(answer, list) else [answer]
        refused = next((item for item in items if item.error is not None), None)
        if len(items) != self._expected or refused is not None:
            raise ValueError(f"{self._expected} acknowledgements were expected, got {len(items)}, of them {refused}")
        self.bare += sum(item.forecast is None for item in items)

    def _columns(self, answer: Columns) -> None:
        count = _length(answer.steps, 8)
        if self._checked and (answer.error or answer.errors or count != self._expected):
            raise ValueError(f"{self._expected} steps were expected, got {count}; {answer.error} {answer.errors[:1]}")
        if answer.forecast is None:
            self.bare += count
            return
        rows = count if answer.rows is None else _length(answer.rows, 4)
        Forecasts(range(rows), answer.forecast)  # raw numbers become what a program reads
        self.bare += count - rows


def _length(column: bytes | Sequence[int | None] | None, size: int) -> int:
    return len(column) // size if isinstance(column, bytes) else len(column or ())
