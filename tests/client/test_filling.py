"""Steps that were left out enter as missing, and nothing that was acknowledged does, whatever the journal loses."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from gatecast_client import Acknowledgement, GatecastError, Observed, Reading
from gatecast_client.column_frame import ColumnFrame
from gatecast_client.columns import counts, doubles
from gatecast_client.frame import Frame
from gatecast_client.outbox import Outbox
from gatecast_client.window import Lost, Window
from gatecast_client.wire import Wire
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.book import Book
from tests.client.test_outbox import World

NAMES = "abc"


def at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Of what waits for nothing."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


class Corrector:
    """Corrects a book as POST …/corrections does."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.corrected: list[Lost] = []

    async def __call__(self, lost: Lost) -> None:
        self.corrected.append(lost)
        recorded = self._book.recorded[lost.session]
        for row in lost.rows():
            if row["step"] > len(recorded):
                raise GatecastError("gap", "in words")
            recorded[row["step"] : row["step"] + 1] = [row["y"]]


class FillingWorld(World):
    """Its journal falls back, of any session; what it is to correct it corrects."""

    def __init__(self, luck: random.Random, window: Window) -> None:
        super().__init__(luck, window)
        self.corrector = Corrector(self.book)

    def happen(self) -> None:
        if self.luck.random() < 0.1:
            self.book.fall(self.luck.choice(NAMES), self.luck.randint(1, 8))
            self._stranded.clear()  # frames of a connection that is gone reach no later journal
        super().happen()

    def _receive(self) -> None:
        if self._answers:
            self.outbox.answered(Wire("msgpack").decode(self._answers.popleft(), self.outbox.expected))
        if self.outbox.stalled:
            at_once(self.outbox.correct(self.corrector))
            self.outbox.again()

    def _cut(self) -> None:
        super()._cut()
        late = [each for each in self._stranded if "gaps" not in msgspec.msgpack.decode(each[0])]
        self._stranded = deque(late)  # see ADR 13 for those that fill, and come late to a journal that fell
        at_once(self.outbox.correct(self.corrector))


class Producer:
    """Hands readings over, itemised and by columns, and leaves steps out."""

    def __init__(self, world: FillingWorld) -> None:
        self._world = world
        self._next = dict.fromkeys(NAMES, 0)
        self._frames: list[tuple[Frame, list[Reading]]] = []
        self._columns: list[tuple[Observed, list[Reading]]] = []

    def send(self, names: list[str]) -> None:
        luck, outbox, readings = self._world.luck, self._world.outbox, []
        for name in names:
            self._next[name] += luck.randint(1, 4) if luck.random() < 0.3 else 0
            readings.append(Reading(name, float(self._next[name]), self._next[name]))
            self._next[name] += 1
        if luck.random() < 0.5:
            frame = Frame(readings, len(readings) > 1, fills=True)
            self._frames.append((frame, readings))
            outbox.add(frame)
            return
        observed, steps = Observed(len(readings)), [reading.step or 0 for reading in readings]
        self._columns.append((observed, readings))
        given_ = names, doubles("y", steps), counts(steps), {}, outbox.handles
        outbox.add(ColumnFrame(observed, range(len(steps)), *given_, fills=True))

    def told(self) -> dict[str, dict[int, GatecastError | None]]:
        """By session and step."""
        told: dict[str, dict[int, GatecastError | None]] = {name: {} for name in NAMES}
        for frame, readings in self._frames:
            for reading, outcome in zip(readings, frame.settled.result(), strict=True):
                assert reading.step is not None
                told[reading.session][reading.step] = outcome if isinstance(outcome, GatecastError) else None
        for observed, readings in self._columns:
            for place, reading in enumerate(readings):
                assert reading.step is not None
                error = observed.errors.get(place)
                assert error is not None or observed.steps[place] == reading.step
                told[reading.session][reading.step] = error
        return told


@given(seed=st.integers(0, 2**32), most=st.sampled_from([30, 10_000]))
@settings(max_examples=300, deadline=None)
def test_what_was_acknowledged_is_never_missing_in_the_end_or_its_caller_was_told(seed: int, most: int) -> None:
    async def story() -> None:
        luck = random.Random(seed)
        world = FillingWorld(luck, Window(most))
        producer = Producer(world)
        for _ in range(14):
            producer.send([luck.choice(NAMES) for _ in range(luck.randint(1, 5))])
            for _ in range(luck.randint(0, 10)):
                world.happen()
        world.calm()
        producer.send([*NAMES])  # what was lost last is noticed by the next reading
        world.calm()
        for name, told in producer.told().items():
            recorded, errors = world.book.recorded[name], [error for error in told.values() if error is not None]
            assert {error.code for error in errors} <= {"journal_behind"}
            if not errors:
                assert recorded == [float(step) if step in told else None for step in range(max(told) + 1)]

    asyncio.run(story())


async def gone(outbox: Outbox, world: FillingWorld) -> None:
    """Everything handed over is settled."""
    world.calm()
    assert not len(outbox)


async def test_steps_that_were_left_out_are_asked_for_once_the_service_has_named_them() -> None:
    world = FillingWorld(random.Random(0), Window())
    outbox = world.outbox
    sent: list[Any] = []
    answer = world.book.answer
    world.book.answer = lambda frame, handles=None: (sent.append(frame), answer(frame, handles))[1]  # type: ignore[method-assign]
    frames = [Frame([Reading("a", float(step), step)], False, fills=True) for step in (0, 3, 4, 6)]
    for frame in frames:
        outbox.add(frame)
    for _ in frames:
        world._send()  # all at once
    await gone(outbox, world)
    filled = [outcome.filled for frame in frames for outcome in frame.settled.result()]  # type: ignore[union-attr]
    assert filled == [0, 2, 0, 1]
    assert [each.get("gaps") for each in sent] == [None] * 4 + ["missing"] * 3
    assert world.book.recorded["a"] == [0.0, None, None, 3.0, 4.0, None, 6.0]


@pytest.mark.parametrize("columns", [False, True])
async def test_what_fell_between_question_and_answer_is_corrected_and_counted(columns: bool) -> None:
    world = FillingWorld(random.Random(0), Window())
    outbox, book = world.outbox, world.book
    outbox.add(Frame([Reading("a", float(step), step) for step in range(5)], True, fills=True))
    await gone(outbox, world)
    observed, late = Observed(1), Frame([Reading("a", 7.0, 7)], False, fills=True)
    given_ = ["a"], doubles("y", [7.0]), counts([7]), {}, outbox.handles
    outbox.add(ColumnFrame(observed, range(1), *given_, fills=True) if columns else late)
    while not book._owed["a"]:  # until it is told that steps are lacking
        world._send()
        world._serve()
        world._receive()
    book.fall("a", 2)
    await gone(outbox, world)
    assert book.recorded["a"] == [0.0, 1.0, 2.0, 3.0, 4.0, None, None, 7.0]
    assert [(each.first, each.values.tolist()) for each in world.corrector.corrected] == [(3, [3.0, 4.0])]
    if columns:
        assert (observed.errors, observed.filled) == ({}, {0: 2})
    else:
        (outcome,) = late.settled.result()
        assert isinstance(outcome, Acknowledgement)
        assert outcome.filled == 2


async def test_what_fell_so_and_is_not_held_is_told_by_name() -> None:
    world = FillingWorld(random.Random(0), Window(8))
    outbox, book = world.outbox, world.book
    for step in range(10):
        outbox.add(Frame([Reading("a", float(step), step)], False, fills=True))
        await gone(outbox, world)
    late = Frame([Reading("a", 12.0, 12)], False, fills=True)
    outbox.add(late)
    while not book._owed["a"]:
        world._send()
        world._serve()
        world._receive()
    book.fall("a", 9)
    await gone(outbox, world)
    (error,) = late.settled.result()
    assert isinstance(error, GatecastError)
    assert (error.code, error.facts["expected_step"], error.facts["entered_as_missing"]) == ("journal_behind", 1, True)
    assert "give them their values (correct)" in error.message
