"""What is filled, and what is kept for a reading that was refused: an engine agrees with lists of readings."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Engine
from tests.fuzz.plain import Plain, Sent, Told, World
from tests.service.engines import HOUR, NAN, START, codes, column, frame, running

PLACED = st.tuples(
    st.sampled_from("aab"),
    st.sampled_from([None, 1.0, 2.0]),
    st.sampled_from(["step", "step", "ds", "both", "both", "neither"]),
    st.sampled_from([0, 0, 0, 1, 2, 3, 5, -1]),
)
SEND = st.tuples(st.just("send"), st.lists(PLACED, min_size=1, max_size=4), st.sampled_from([True, True, True, False]))
OTHER = st.tuples(st.sampled_from(["rewind", "delete", "replace", "begin"]), st.sampled_from("ab"), st.integers(0, 4))


@settings(max_examples=60, deadline=None)
@given(
    operations=st.lists(st.one_of(SEND, SEND, OTHER), min_size=1, max_size=14),
    most=st.sampled_from([1, 3, 1024]),
)
def test_what_is_filled_and_what_is_owed_is_what_a_list_of_readings_would_have(
    operations: list[tuple[str, object, object]], most: int
) -> None:
    asyncio.run(_compared(operations, most))


async def _compared(operations: list[tuple[str, object, object]], most: int) -> None:
    world = World(most=3)
    async with running(max_batch=most, gap_steps=3) as engine:
        for name in "ab":
            await engine.create(name, None if name == "a" else START, column())
            world.begin(name, Plain(None if name == "a" else 0, []))
        for kind, *chosen in operations:
            if kind == "send":
                await _send(engine, world, *chosen)  # type: ignore[arg-type]
            else:
                await _change(engine, world, kind, *chosen)  # type: ignore[arg-type]
            for name, session in world.sessions.items():
                assert (await engine.session(name)).last_step == session.last


async def _send(engine: Engine, world: World, drawn: list[tuple[str, float | None, str, int]], fill: bool) -> None:
    sent = []
    for name, y, by, offset in drawn:
        session = world.sessions.get(name, Plain(None, []))
        step = max(0, session.last + 1 + offset)
        hour = (session.start or 0) + step
        sent.append(Sent(name, y, step if by in ("step", "both") else None, hour if by in ("ds", "both") else None))
    items = [
        (
            each.session,
            NAN if each.y is None else each.y,
            each.step,
            None if each.hour is None else START + each.hour * HOUR,
        )
        for each in sent
    ]
    answers = await engine.observe(replace(frame(*items), fill=fill))
    filled = [0] * len(sent) if answers.filled is None else answers.filled.tolist()
    found = [
        Told(int(step) if code is None else None, code, bool(again), int(count) if code is None else 0)
        for step, code, again, count in zip(answers.steps, codes(answers), answers.repeated, filled, strict=True)
    ]
    assert found == world.take(sent, fill), sent


async def _change(engine: Engine, world: World, kind: str, name: str, number: int) -> None:
    session = world.sessions.get(name)
    if kind == "begin":
        if session is None:
            await engine.create(name, None, column())
            world.begin(name, Plain(None, []))
    elif session is None:
        return
    elif kind == "delete":
        await engine.delete(name)
        world.end(name)
    elif kind == "replace":
        await engine.create(name, START, column(*range(number)), replace=True)
        world.begin(name, Plain(0, [float(at) for at in range(number)]))
    else:
        step = max(-1, session.last - number)
        if session.start is not None or step == session.last:
            await engine.changes.rewind(name, step)
            world.cut(name, step)


FIRST = ("a", 1.0, "both", 0)
DEFECTS: dict[str, list[tuple[str, object, object]]] = {
    "refused before another one of the same frame": [
        ("send", [("a", 1.0, "both", 1), FIRST, ("a", 1.0, "ds", 2)], True),
    ],
    "recorded, taken back, and left out": [
        ("send", [FIRST, ("a", 1.0, "step", 3), ("a", 1.0, "step", 4)], True),
        ("send", [("b", 1.0, "step", 5)], True),
        *[("send", [("b", 1.0, "step", 0)], True)] * 6,
        ("rewind", "b", 3),
        ("send", [("b", 1.0, "step", 3)], True),
    ],
    "passed over by a verdict that was reached once more": [
        ("send", [("a", 1.0, "both", 1)], True),
        ("send", [FIRST], True),
        ("send", [("a", 1.0, "step", 2), ("a", None, "step", 0), ("a", 1.0, "step", 2)], True),
    ],
}


@pytest.mark.parametrize("operations", DEFECTS.values(), ids=DEFECTS)
@pytest.mark.parametrize("most", [2, 1024])
async def test_a_place_is_kept_for_as_long_as_its_reading_may_come(
    operations: list[tuple[str, object, object]], most: int
) -> None:
    await _compared(operations, most)
