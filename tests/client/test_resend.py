"""The outbox against a service whose journal falls behind what it acknowledged: it is mended, or told by name."""

from __future__ import annotations

import asyncio
import logging
import random

import msgspec
import pytest
from gatecast_client import Acknowledgement, GatecastError, Observed, Reading
from gatecast_client.column_frame import ColumnFrame
from gatecast_client.columns import counts, doubles
from gatecast_client.frame import Frame, Outcome
from gatecast_client.outbox import Outbox
from gatecast_client.window import Window
from gatecast_client.wire import Form, Wire
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.book import Book
from tests.client.test_outbox import World

NAMES = "abc"


class FallingWorld(World):
    """Its journal falls back too, of any session."""

    def happen(self) -> None:
        if self.luck.random() < 0.1:
            self.book.fall(self.luck.choice(NAMES), self.luck.randint(1, 8))
        super().happen()


class Sender:
    """Hands readings of all sessions to an outbox, itemised and by columns."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent = dict.fromkeys(NAMES, 0)
        self._frames: list[Frame] = []
        self._observed: list[Observed] = []

    def send(self, names: list[str], columns: bool) -> None:
        readings = []
        for name in names:
            readings.append((name, self.sent[name]))
            self.sent[name] += 1
        outbox = self._world.outbox
        if not columns:
            many = len(readings) > 1
            self._frames.append(Frame([Reading(name, float(step), step) for name, step in readings], many))
            outbox.add(self._frames[-1])
            return
        steps = [step for _, step in readings]
        self._observed.append(Observed(len(steps)))
        given_ = names, doubles("y", steps), counts(steps), {}, outbox.handles
        outbox.add(ColumnFrame(self._observed[-1], range(len(steps)), *given_))

    @property
    def errors(self) -> list[GatecastError]:
        items = [outcome for frame in self._frames for outcome in frame.settled.result()]
        for observed in self._observed:
            assert all(step >= 0 or place in observed.errors for place, step in enumerate(observed.steps))
        refused = [each for observed in self._observed for each in observed.errors.values()]
        return [each for each in items if isinstance(each, GatecastError)] + refused


@given(seed=st.integers(0, 2**32), most=st.sampled_from([12, 30, 10_000]))
@settings(max_examples=200, deadline=None)
def test_a_journal_that_falls_behind_is_mended_or_its_callers_are_told(seed: int, most: int) -> None:
    async def story() -> None:
        luck = random.Random(seed)
        world = FallingWorld(luck, Window(most))
        sender = Sender(world)
        for _ in range(14):
            sender.send([luck.choice(NAMES) for _ in range(luck.randint(1, 5))], columns=luck.random() < 0.5)
            for _ in range(luck.randint(0, 10)):
                world.happen()
        world.calm()
        for name in NAMES:  # what was lost last is noticed by the next reading
            sender.send([name], columns=luck.random() < 0.5)
        world.calm()
        assert {error.code for error in sender.errors} <= {"journal_behind"}
        assert most < 10_000 or not sender.errors
        for name, count in sender.sent.items():
            recorded = world.book.recorded[name]
            assert recorded == [*map(float, range(len(recorded)))]
            assert len(recorded) == count or name in {error.facts["session"] for error in sender.errors}

    asyncio.run(story())


def converse(outbox: Outbox, book: Book, form: Form = "msgpack") -> list[object]:
    """Until nothing is to be sent; the frames that were."""
    wire, module = Wire(form), msgspec.json if form == "json" else msgspec.msgpack
    handles: list[str] = []
    frames: list[object] = []
    while len(outbox):
        on_their_way = []
        while (frame := outbox.next()) is not None:
            on_their_way.append(module.decode(frame.encode(wire)))  # type: ignore[attr-defined]
        for sent in on_their_way:
            frames.append(sent)
            answer = module.encode(book.answer(sent, handles))  # type: ignore[attr-defined]
            outbox.answered(wire.decode(answer, outbox.expected))
        if outbox.stalled:
            outbox.again()
    return frames


def posted(outbox: Outbox, *readings: Reading) -> Frame:
    frame = Frame(list(readings), many=len(readings) > 1)
    outbox.add(frame)
    return frame


def acknowledged(outbox: Outbox, book: Book, session: str, count: int) -> None:
    posted(outbox, *(Reading(session, float(step), step) for step in range(count)))
    converse(outbox, book)


@pytest.mark.parametrize("form", ["msgpack", "json"])
async def test_what_a_journal_has_lost_is_sent_before_the_reading_and_told_in_the_log(
    form: Form, caplog: pytest.LogCaptureFixture
) -> None:
    outbox, book = Outbox(), Book()
    acknowledged(outbox, book, "a", 10)
    acknowledged(outbox, book, "b", 3)
    book.fall("a", 4)
    frames = [posted(outbox, Reading("a", float(step), step)) for step in (10, 11)]
    frames.append(posted(outbox, Reading("b", 3.0, 3)))
    with caplog.at_level(logging.WARNING, "gatecast_client"):
        sent = converse(outbox, book, form)
    assert [outcome.step for frame in frames for outcome in frame.settled.result()] == [10, 11, 3]  # type: ignore[union-attr]
    assert book.recorded["a"] == [*map(float, range(12))]
    assert len(sent) == 6  # three, the four that were lost in one, and two again
    assert isinstance(sent[3], dict)
    assert (sent[3]["sessions"], sent[3]["every"], sent[3]["gates"]) == (["a"] * 4, "none", False)
    (record,) = caplog.records
    assert "'a' expects step 6 after 9" in record.getMessage()
    assert "sending 4 readings again" in record.getMessage()


async def test_thousands_are_sent_again_in_frames_of_1024() -> None:
    outbox, book = Outbox(), Book()
    acknowledged(outbox, book, "a", 2500)
    acknowledged(outbox, book, "b", 100)
    book.fall("a", 2400)
    book.fall("b", 100)
    frame = posted(outbox, Reading("b", 100.0, 100), Reading("a", 2500.0, 2500))
    sent = converse(outbox, book)
    assert [len(each["sessions"]) for each in sent if isinstance(each, dict)] == [1024, 1024, 452]
    assert all(isinstance(outcome, Acknowledgement) for outcome in frame.settled.result())
    assert (len(book.recorded["a"]), len(book.recorded["b"])) == (2501, 101)


async def only(outbox: Outbox, book: Book, reading: Reading) -> Outcome:
    frame = posted(outbox, reading)
    converse(outbox, book)
    return frame.settled.result()[0]


async def test_what_the_window_does_not_hold_is_an_error_that_says_what_to_send() -> None:
    outbox, book = Outbox(Window(8)), Book()
    for step in range(10):
        await only(outbox, book, Reading("a", float(step), step))
    book.fall("a", 9)
    error = await only(outbox, book, Reading("a", 10.0, 10))
    assert isinstance(error, GatecastError)
    assert error.code == "journal_behind"
    held = error.facts.pop("held_from_step")
    assert error.facts == {"session": "a", "last_acknowledged_step": 9, "expected_step": 1, "missing": 9}
    assert 1 < held <= 8
    assert f"holds only those from step {held} on" in error.message
    assert "send from step 1 on again" in error.message
    for step in range(1, 11):  # as it says
        assert isinstance(await only(outbox, book, Reading("a", float(step), step)), Acknowledgement)


async def test_a_session_that_is_unknown_though_it_was_acknowledged_is_the_same_error() -> None:
    class Empty(Book):
        def _take(self, reading: dict[str, object]) -> dict[str, object]:
            return {"session": reading["session"], "error": {"code": "unknown_session", "message": "in words"}}

    outbox = Outbox()
    acknowledged(outbox, Book(), "a", 3)
    lost, never = await only(outbox, Empty(), Reading("a", 3.0, 3)), await only(outbox, Empty(), Reading("b", 3.0, 3))
    assert isinstance(lost, GatecastError)
    assert isinstance(never, GatecastError)
    assert (lost.code, never.code) == ("journal_behind", "unknown_session")
    assert lost.facts == {"session": "a", "last_acknowledged_step": 2, "expected_step": None, "missing": 3}


async def test_a_producer_that_left_out_steps_has_its_gap() -> None:
    outbox, book = Outbox(), Book()
    acknowledged(outbox, book, "a", 3)
    error = await only(outbox, book, Reading("a", 5.0, 5))
    assert isinstance(error, GatecastError)
    assert (error.code, error.facts["expected_step"]) == ("gap", 3)


async def test_another_value_where_readings_are_sent_again_is_an_error_of_those_behind() -> None:
    class Contested(Book):
        """Another client is faster with the step that was lost."""

        def columns(self, frame, handles, busy=lambda _: False):  # type: ignore[no-untyped-def]
            self.recorded["a"].append(99.0)
            return super().columns(frame, handles, busy)

    outbox, book = Outbox(), Contested()
    acknowledged(outbox, book, "a", 3)
    acknowledged(outbox, book, "b", 3)
    book.fall("a", 2)
    book.fall("b", 1)
    first, second = posted(outbox, Reading("a", 3.0, 3), Reading("b", 3.0, 3)), posted(outbox, Reading("a", 4.0, 4))
    converse(outbox, book)
    errors = [first.settled.result()[0], *second.settled.result()]
    assert [error.code for error in errors if isinstance(error, GatecastError)] == ["conflict", "conflict"]
    assert "sent again before this one" in str(errors[0])
    assert isinstance(first.settled.result()[1], Acknowledgement)
    assert book.recorded["a"] == [0.0, 99.0, 2.0]  # the readings behind were not sent
    assert book.recorded["b"] == [0.0, 1.0, 2.0, 3.0]


async def test_a_journal_that_falls_behind_all_the_time_is_told_in_the_end() -> None:
    class Leaking(Book):
        """Acknowledges what it is sent again, and forgets it."""

        def columns(self, frame, handles, busy=lambda _: False):  # type: ignore[no-untyped-def]
            answer = super().columns(frame, handles, busy)
            self.fall("a", 1)
            return answer

    outbox, book = Outbox(), Leaking()
    acknowledged(outbox, book, "a", 3)
    book.fall("a", 1)
    error = await only(outbox, book, Reading("a", 3.0, 3))
    assert isinstance(error, GatecastError)
    assert error.code == "journal_behind"
    assert "20 times in a row" in error.message
