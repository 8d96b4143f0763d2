"""Small frames that come together are one batch, and are answered as if each had come alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.frames import Frame, codecs
from service.api.gathering import AT_ONCE, SMALL, Gathering
from service.api.stream import Connection
from service.api.taking import Taken, Taker
from service.api.wish import Wish
from service.errors import Overloaded
from service.journal import Beginning
from tests.api.conftest import Inside, build, inside
from tests.service.engines import START as START_SECOND
from tests.service.engines import blocked, codes, column, memory
from tests.service.engines import frame as observations

START = "2015-01-10T00:00:00"
NAMES = "abc"
JSON, _ = both = codecs(10_000)


async def named(running: Inside, names: str) -> None:
    for name in names:
        assert (await running.http.put(f"/v1/sessions/{name}", json={"start": START})).status_code == 201


def adder(running: Inside, gathering: Gathering) -> Callable[..., asyncio.Future[list[dict[str, object]]]]:
    def add(*readings: dict[str, object]) -> asyncio.Future[list[dict[str, object]]]:
        frame = JSON.decode(json.dumps(list(readings)).encode())
        assert isinstance(frame, Frame)
        wish = Wish(running.service.edge.levels.all)
        sessions = [reading.session for reading in frame.readings]
        assert gathering.takes(frame, sessions, wish)
        return gathering.add(sessions, frame.readings, wish)

    return add


async def test_frames_of_one_turn_of_the_loop_are_one_batch() -> None:
    async with inside() as running:
        await named(running, NAMES)
        add = adder(running, Gathering(running.service.edge))
        running.runtime.log.clear()
        answers = await asyncio.gather(*(add({"session": name, "step": 0, "y": 1}) for name in NAMES))
        assert [items[0]["session"] for items in answers] == list(NAMES)
        assert [len(run.lengths) for run in running.runtime.log if run.kind == "step"] == [
            4
        ]  # padded to a power of two


async def test_what_comes_while_the_engine_is_busy_is_the_next_group() -> None:
    async with inside() as running:
        await named(running, NAMES)
        edge = running.service.edge
        add = adder(running, Gathering(edge))
        running.runtime.gate.clear()
        items = []
        for step in range(6):
            items.append(add({"session": "a", "step": step, "y": 1}))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert edge.engine.waiting[0] == AT_ONCE
        running.runtime.gate.set()
        assert [(await each)[0]["step"] for each in items] == list(range(6))


async def test_a_refused_reading_is_told_to_its_own_frame_and_an_overload_to_all() -> None:
    async with inside({"waiting_readings": 32}) as running:
        await named(running, NAMES)
        gathering = Gathering(running.service.edge)
        add = adder(running, gathering)
        good, gap = add({"session": "a", "y": 1}), add({"session": "b", "step": 9, "y": 1})
        assert "forecast" in (await good)[0]
        assert (await gap)[0]["error"]["code"] == "gap"
        running.runtime.gate.clear()
        crowd = [add({"session": "c", "y": 1}) for _ in range(40)]
        gathering.flush()
        running.runtime.gate.set()
        found = await asyncio.gather(*crowd, return_exceptions=True)
        assert sum(isinstance(each, Overloaded) for each in found) == 8
        assert len({id(each) for each in found if isinstance(each, Overloaded)}) == 8  # each has its own


async def test_frames_of_one_session_that_want_different_forecasts_keep_their_order() -> None:
    readings = [{"session": "a", "y": step} for step in range(6)]
    frames = [each if at % 2 else {"observations": [each], "horizon": 1} for at, each in enumerate(readings)]
    answers = await answered([json.dumps(each) for each in frames], gathers=True)
    assert [(each[0] if isinstance(each, list) else each)["step"] for each in answers] == list(range(6))


async def test_nobody_waits_until_the_state_of_another_session_is_rebuilt() -> None:
    journal = memory()
    journal.create(Beginning("late", START_SECOND, "", column(*range(5_000))))  # without a checkpoint
    running = build({}, {}, journal)
    app, edge = running.service.app, running.service.edge
    order: list[object] = []
    async with app.router.lifespan_context(app):
        await edge.engine.create("a", START_SECOND, column())
        gathering = Gathering(edge)
        taken = []
        for name in ("late", "a", "late"):
            taker = Taker(edge, gathering, Wish(edge.levels.all))
            taken.append((taker, taker.take(JSON, json.dumps({"session": name, "y": 1}).encode(), as_text=True)))

        async def answer(taker: Taker, frame: Taken) -> None:
            item = json.loads(await taker.answer(frame))
            order.append((item["session"], item["step"]))

        await asyncio.wait_for(asyncio.gather(*(answer(*each) for each in taken)), 30)
    assert order == [("a", 0), ("late", 5_000), ("late", 5_001)]


class Wire:
    """The two ends of an ASGI websocket, in memory."""

    def __init__(self, frames: list[str]) -> None:
        self._frames = iter(frames)
        self._all = len(frames)
        self.sent: list[Any] = []
        self._answered = asyncio.Event()

    async def receive(self) -> dict[str, object]:
        frame = next(self._frames, None)
        if frame is not None:
            return {"type": "websocket.receive", "text": frame}
        await self._answered.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(self, message: Any) -> None:
        self.sent.append(json.loads(message["text"]))
        if len(self.sent) == self._all:
            self._answered.set()


async def answered(frames: list[str], gathers: bool) -> list[Any]:
    async with inside() as running:
        await named(running, NAMES)
        edge = running.service.edge
        gathering = Gathering(edge)
        if not gathers:
            gathering.takes = lambda *_: False  # type: ignore[method-assign]
        wire, taker = Wire(frames), Taker(edge, gathering, Wish(edge.levels.all))
        await asyncio.wait_for(Connection(edge.settings, both, taker, wire.receive, wire.send).run(), 30)
        return wire.sent


@pytest.mark.parametrize("by", ["columns", "items"])
async def test_what_a_connection_sent_before_it_was_broken_off_is_recorded_to_its_end(by: str) -> None:
    async with inside() as running:
        await named(running, "ab")
        edge = running.service.edge
        sent = [[{"session": "a", "y": step}, *[{"session": "b", "y": 0}] * SMALL] for step in (7, 8)]
        frames = [json.dumps(each if by == "items" else by_columns(each)) for each in sent]
        wire, taker = Wire(frames), Taker(edge, Gathering(edge), Wish(edge.levels.all))
        running.runtime.gate.clear()
        first = asyncio.create_task(edge.engine.observe(observations(("b", 0.0))))
        await blocked(running.runtime)
        connection = asyncio.create_task(Connection(edge.settings, both, taker, wire.receive, wire.send).run())
        while taker.frames < 2:
            await asyncio.sleep(0)
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)
        running.runtime.gate.set()
        await first
        answers = await edge.engine.observe(observations(("a", 7.0, 0), ("a", 8.0, 1)))
        assert codes(answers) == ["duplicate", None]
        assert answers.repeated.tolist() == [False, True]


def by_columns(readings: list[dict[str, object]]) -> dict[str, object]:
    return {"sessions": [each["session"] for each in readings], "y": [each["y"] for each in readings]}


@settings(max_examples=30, deadline=None)
@given(
    frames=st.lists(
        st.one_of(
            st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
            st.lists(st.sampled_from(NAMES), min_size=SMALL + 1, max_size=SMALL + 4),
            st.sampled_from(
                ["{", "[]", '[{"session": 3}]', '{"session": "a", "y": "x"}', '{"session": "nobody", "y": 1}']
            ),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_order_and_answers_do_not_depend_on_it(frames: list[list[str] | str]) -> None:
    value, sent = 0, []
    for frame in frames:
        if isinstance(frame, str):
            sent.append(frame)
            continue
        readings = []
        for name in frame:
            value += 1
            readings.append({"session": name, "y": value})
        sent.append(json.dumps(readings if len(readings) > 1 else readings[0]))
    ours, theirs = (asyncio.run(answered(sent, gathers)) for gathers in (True, False))
    assert [without_forecast(each) for each in ours] == [without_forecast(each) for each in theirs]


def without_forecast(answer: Any) -> Any:
    """Which of several readings that wait is answered with a forecast depends on the batches that they fall into."""
    if isinstance(answer, list):
        return [without_forecast(item) for item in answer]
    return {name: part for name, part in answer.items() if name != "forecast"}


@pytest.mark.parametrize(("bundle", "taken"), [({}, True), ({"frequency": "1mo"}, False)])
async def test_a_grid_of_months_is_not_gathered(bundle: dict[str, object], taken: bool) -> None:
    async with inside(**bundle) as running:
        await named(running, "a")
        frame = JSON.decode(b'{"session": "a", "y": 1}')
        assert isinstance(frame, Frame)
        assert Gathering(running.service.edge).takes(frame, ["a"], Wish(running.service.edge.levels.all)) is taken


@pytest.mark.parametrize(
    ("reading", "taken"),
    [
        ({"step": SMALL}, True),
        ({"step": SMALL + 1}, False),
        ({"ds": "2015-01-10T16:00:00"}, True),
        ({"ds": "2015-01-10T17:00:00"}, False),
        ({"ds": "noon"}, False),
        ({}, True),
    ],
)
async def test_a_reading_behind_many_steps_that_enter_as_missing_is_not_gathered(
    reading: dict[str, object], taken: bool
) -> None:
    async with inside() as running:
        await named(running, "a")
        frame = JSON.decode(json.dumps({"session": "a", "y": 1, **reading}).encode())
        assert isinstance(frame, Frame)
        levels = running.service.edge.levels.all
        assert Gathering(running.service.edge).takes(frame, ["a"], Wish(levels, fill=True)) is taken
        assert Gathering(running.service.edge).takes(frame, ["a"], Wish(levels)) is True
