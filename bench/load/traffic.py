"""What is sent and what must come back: frames of readings in one form, and answers parsed as a client parses them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec
from gatecast_client.columns import Forecasts, as_raw
from gatecast_client.wire import Columns, Kind, Wire

from bench.load.job import Job
from bench.load.names import names
from bench.load.triton import TritonAnswers, TritonBlock
from bench.load.wave import reading

REPLAYED = 512  # readings that a stateless endpoint is sent for every forecast


class Sent(Protocol):
    """What one connection sends in turn: a frame, whose sessions advance together."""

    number: int
    step: int

    def next(self) -> bytes: ...


class Taken(Protocol):
    """Looks at every answer; `bare` counts those without a forecast."""

    bare: int

    def take(self, message: bytes) -> None: ...


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
        self._encode: Callable[[object], bytes] = (msgspec.json if self._text else msgspec.msgpack).Encoder().encode
        self._by_columns = job.layout == "columns"

    def next(self) -> bytes:
        """The frame of the next step."""
        step, self.step = self.step, self.step + 1
        y = reading(step)
        if self._by_columns:
            return self._encode(self._columns(step, y))
        for each in self._readings:
            each.step = step
            each.y = y
        return self._encode(self._body)

    def _columns(self, step: int, y: float) -> dict[str, object]:
        count = len(self.names)
        sessions = range(self.first, self.first + count)
        if self._text:
            return {"sessions": [*sessions], "steps": [step] * count, "y": [y] * count}
        return {
            "sessions": as_raw(array("I", sessions)),
            "steps": as_raw(array("q", [step]) * count),
            "y": as_raw(array("d", [y]) * count),
        }


class Window(msgspec.Struct):
    """A reading with those before it, for an endpoint that remembers nothing."""

    session: str
    step: int
    y: list[float]


class WindowBlock:
    """As `Block`; each reading is sent with all before it, as many as a replay takes."""

    def __init__(self, number: int, names: list[str], step: int, job: Job) -> None:
        self.number = number
        self.step = step
        self._windows = [Window(name, step, []) for name in names]
        self._body: object = self._windows if len(names) > 1 else self._windows[0]
        self._encode: Callable[[object], bytes] = (
            (msgspec.json if job.form == "json" else msgspec.msgpack).Encoder().encode
        )

    def next(self) -> bytes:
        step, self.step = self.step, self.step + 1
        y = [reading(at) for at in range(step - REPLAYED + 1, step + 1)]
        for each in self._windows:
            each.step = step
            each.y = y
        return self._encode(self._body)


BLOCKS: dict[str, type[Block | WindowBlock | TritonBlock]] = {
    "readings": Block,
    "windows": WindowBlock,
    "triton": TritonBlock,
}


def blocks(job: Job) -> list[list[Sent]]:
    """Those of each connection, in the order in which they are sent; sessions that fill no frame are left out."""
    dealt: list[list[Sent]] = [[] for _ in range(job.connections)]
    all_ = names(job.prefix, job.sessions, job.worker, job.workers)
    for number in range(job.sessions // job.readings):
        some = all_[number * job.readings : (number + 1) * job.readings]
        step = job.steps[number] if job.steps else 0
        dealt[number % job.connections].append(BLOCKS[job.body](number, some, step, job))
    for own in dealt:
        own.sort(key=lambda block: block.step)  # goes on where the last round was left
    return dealt


def in_turn(own: list[Sent], rounds: int | None) -> Iterator[Sent]:
    """Blocks, round and round; for ever, or so many rounds."""
    while rounds is None or rounds > 0:
        yield from own
        rounds = None if rounds is None else rounds - 1


def answers(job: Job) -> Taken:
    return TritonAnswers(job) if job.body == "triton" else Answers(job)


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
