"""The outbox against a service that refuses, loses and forgets to answer: each reading is recorded once, in order."""

from __future__ import annotations

import asyncio
import random
from collections import deque

import msgspec
import pytest
from gatecast_client import Acknowledgement, ConnectionLost, GatecastError, Reading
from gatecast_client.frame import Frame
from gatecast_client.outbox import Outbox
from gatecast_client.window import Window
from gatecast_client.wire import Item, Wire
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.book import Book

WIRE = Wire("msgpack")
LOST = ConnectionLost("cut")


class World:
    """A service with its book, and frames and answers on their way; `luck` decides what happens next."""

    def __init__(self, luck: random.Random, window: Window | None = None) -> None:
        self.book = Book()
        self.outbox = Outbox(window)
        self.luck = luck
        self._handles: list[str] = []  # of the connection, as the service has them
        self._frames: deque[tuple[bytes, list[str]]] = deque()
        self._answers: deque[bytes] = deque()
        self._stranded: deque[tuple[bytes, list[str]]] = deque()  # of one that is gone, but read after all

    def happen(self) -> None:
        """One thing, at random."""
        actions = (
            [self._send] * 4 + [self._serve] * 4 + [self._receive] * 4 + [self._refuse, self._cut, self._serve_late]
        )
        self.luck.choice(actions)()

    def calm(self) -> None:
        """From now on nothing goes wrong, until everything is answered."""
        while self._stranded:
            self._serve_late()
        while len(self.outbox):
            self._send()
            self._serve()
            self._receive()

    def _send(self) -> None:
        frame = self.outbox.next()
        if frame is not None:
            self._frames.append((bytes(frame.encode(WIRE)), self._handles))  # type: ignore[arg-type]

    def _serve(self) -> None:
        if self._frames:
            frame, handles = self._frames.popleft()
            self._answers.append(msgspec.msgpack.encode(self.book.answer(msgspec.msgpack.decode(frame), handles)))

    def _serve_late(self) -> None:
        if self._stranded:
            frame, handles = self._stranded.popleft()
            self.book.answer(msgspec.msgpack.decode(frame), handles)

    def _refuse(self) -> None:
        """The service has too much to do: for a part of a frame, or for all of it."""
        if not self._frames:
            return
        frame, handles = self._frames.popleft()
        sent = msgspec.msgpack.decode(frame)
        if self.luck.random() < 0.3 or "handles" in sent:
            if "sessions" in sent:
                self.book.columns(sent, handles, lambda _: True)
            answer: object = {"error": {"code": "overloaded", "message": "later"}}
        elif "sessions" in sent:
            answer = self.book.columns(sent, handles, lambda _: self.luck.random() < 0.5)
        elif isinstance(sent, dict) and "observations" not in sent:
            answer = self.book.later(sent, "overloaded")
        else:
            answer = []
            for one in sent["observations"] if isinstance(sent, dict) else sent:
                alone = {**sent, "observations": [one]} if isinstance(sent, dict) else [one]
                busy = self.luck.random() < 0.5
                answer += [self.book.later(one, "overloaded")] if busy else self.book.answer(alone)
        self._answers.append(msgspec.msgpack.encode(answer))

    def _receive(self) -> None:
        if self._answers:
            self.outbox.answered(WIRE.decode(self._answers.popleft(), self.outbox.expected))
        if self.outbox.stalled:
            self.outbox.again()

    def _cut(self) -> None:
        """Everything on its way is gone; of the frames a first part may have reached the service."""
        self._stranded.extend(list(self._frames)[: self.luck.randint(0, len(self._frames))])
        self._frames.clear()
        self._answers.clear()
        self._handles = []
        self.outbox.lost(LOST)


@given(seed=st.integers(0, 2**32), keyed=st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_goes_wrong_each_reading_is_recorded_once_and_in_order(seed: int, keyed: bool) -> None:
    async def story() -> None:
        luck = random.Random(seed)
        world = World(luck)
        sent = dict.fromkeys("ab", 0)
        frames: list[Frame] = []
        for _ in range(12):
            readings = []
            for _ in range(luck.randint(1, 4)):
                name = luck.choice("ab")
                readings.append(Reading(name, float(sent[name]), sent[name] if keyed else None))
                sent[name] += 1
            frame = Frame(readings, many=len(readings) > 1 or luck.random() < 0.5)
            frames.append(frame)
            world.outbox.add(frame)
            for _ in range(luck.randint(0, 10)):
                world.happen()
        world.calm()
        outcomes = [outcome for frame in frames for outcome in frame.settled.result()]
        recorded = [*world.book.recorded["a"], *world.book.recorded["b"]]
        if keyed:
            assert all(isinstance(outcome, Acknowledgement) for outcome in outcomes)
            assert recorded == [*map(float, range(sent["a"])), *map(float, range(sent["b"]))]
        else:
            acknowledged = sum(isinstance(outcome, Acknowledgement) for outcome in outcomes)
            lost = sum(isinstance(outcome, ConnectionLost) for outcome in outcomes)
            assert all(len(set(values)) == len(values) for values in world.book.recorded.values())
            assert acknowledged <= len(recorded) <= acknowledged + lost

    asyncio.run(story())


async def test_a_duplicate_is_an_error_unless_the_reading_went_before() -> None:
    duplicate = Item(session="a", error={"code": "duplicate", "message": "…", "step": 3, "last_step": 7})
    first, again = (Frame([Reading("a", 1.0, 3)], many=False) for _ in range(2))
    for frame in (first, again):
        outbox = Outbox()
        outbox.add(frame)
        outbox.next()
        if frame is again:
            outbox.lost(LOST)
            outbox.next()
        outbox.answered(duplicate)
    (error,), (acknowledgement,) = first.settled.result(), again.settled.result()
    assert isinstance(error, GatecastError)
    assert (error.code, error.facts) == ("duplicate", {"step": 3, "last_step": 7})
    assert isinstance(acknowledgement, Acknowledgement)
    assert (acknowledgement.step, acknowledgement.repeated, acknowledgement.forecast) == (3, True, None)


async def test_a_gap_behind_a_refused_reading_waits_with_it_and_any_other_is_an_error() -> None:
    outbox = Outbox()
    refused_, behind, other = (
        Frame([Reading(*reading)], many=False) for reading in (("a", 1.0, 5), ("a", 2.0, 6), ("b", 3.0, 6))
    )
    for frame in (refused_, behind, other):
        outbox.add(frame)
        outbox.next()
    gap = {"code": "gap", "message": "…", "expected_step": 5}
    outbox.answered(Item(session="a", error={"code": "overloaded", "message": "later"}))
    outbox.answered(Item(session="a", error=gap))
    assert not outbox.stalled  # one answer is still to come
    outbox.answered(Item(session="b", error=gap))
    assert outbox.stalled
    assert outbox.refusal is not None
    assert outbox.next() is None
    outbox.again()
    assert [outbox.next(), outbox.next(), outbox.next()] == [refused_, behind, None]
    (error,) = other.settled.result()
    assert isinstance(error, GatecastError)
    assert error.code == "gap"


async def test_readings_without_a_key_that_were_not_sent_yet_survive_a_lost_connection() -> None:
    outbox = Outbox()
    sent, waiting = (Frame([Reading("a", 1.0)], many=False) for _ in range(2))
    outbox.add(sent)
    outbox.next()
    outbox.add(waiting)
    outbox.lost(LOST)
    (lost,) = sent.settled.result()
    assert isinstance(lost, ConnectionLost)
    assert "session 'a' stands (resume)" in lost.message
    assert outbox.next() is waiting


@pytest.mark.parametrize("answer", [Item(session="a"), [Item(session="a", step=1)], [], Item()])
async def test_an_answer_that_does_not_fit_its_frame_is_an_error_by_name(answer: Item | list[Item]) -> None:
    outbox = Outbox()
    outbox.add(Frame([Reading("a", 1.0, 1)], many=False))
    outbox.next()
    with pytest.raises(GatecastError, match="unexpected_answer"):
        outbox.answered(answer)


async def test_an_answer_without_a_frame_is_an_error_by_name() -> None:
    with pytest.raises(GatecastError, match="unexpected_answer"):
        Outbox().answered(Item(session="a", step=1))
