"""An ordinary batch is answered as the long way would answer it, and does not go it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import NO_TIME, Answers
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.verdicts import Judge
from tests.service.engines import HOUR, START, Item, codes, column, frame, running, send

NAMES = "abcd"


async def answered(frames: Sequence[Sequence[Item]], together: int, ordinary: bool) -> list[Answers]:
    """With gates asked for, every batch goes the long way. `together` frames wait at once."""
    async with running(FakeRuntime(fake_bundle())) as engine:
        for name in NAMES:
            await engine.create(name, START, column(1.0, 2.0))
        answers: list[Answers] = []
        for first in range(0, len(frames), together):
            some = [replace(frame(*items), gates=not ordinary) for items in frames[first : first + together]]
            answers += await asyncio.gather(*map(engine.observe, some))
        return answers


def of_step(name: str, step: int, how: str) -> Item:
    time = START + step * HOUR
    return {
        "plain": (name, float(step)),
        "step": (name, float(step), step),
        "time": (name, float(step), None, time),
        "both": (name, float(step), step, time),
        "again": (name, float(step - 1), step - 1),
        "gap": (name, 0.0, step + 3),
        "late": (name, 0.0, None, time + HOUR),
        "odd": (name, 0.0, step, time + 1),
    }[how]


@settings(max_examples=60, deadline=None)
@given(
    frames=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(NAMES),
                st.sampled_from(["plain", "step", "time", "both"] * 4 + ["again", "gap", "late", "odd"]),
            ),
            min_size=1,
            max_size=5,
            unique_by=lambda each: each[0],
        ),
        min_size=1,
        max_size=8,
    ),
    together=st.sampled_from([1, 3]),
)
def test_its_answers_are_those_of_the_long_way(frames: list[list[tuple[str, str]]], together: int) -> None:
    steps = dict.fromkeys(NAMES, 2)  # the next one of each
    sent: list[list[Item]] = []
    for items in frames:
        sent.append([of_step(name, steps[name], how) for name, how in items])
        for name, how in items:
            steps[name] += how in ("plain", "step", "time", "both")
    ordinary, long = (asyncio.run(answered(sent, together, each)) for each in (True, False))
    for ours, theirs in zip(ordinary, long, strict=True):
        assert codes(ours) == codes(theirs)
        for column_of in ("steps", "times", "repeated", "keyed", "last_steps"):
            np.testing.assert_array_equal(getattr(ours, column_of), getattr(theirs, column_of), column_of)
        np.testing.assert_array_equal(ours.rows >= 0, theirs.rows >= 0)
        some = ours.rows >= 0
        np.testing.assert_array_equal(ours.quantiles[ours.rows[some]], theirs.quantiles[theirs.rows[some]])


async def test_ordinary_readings_are_not_judged_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*_: object) -> None:
        raise AssertionError("this batch was judged the long way")

    async with running(FakeRuntime(fake_bundle())) as engine:
        for name in NAMES:
            await engine.create(name, START, column())
        await send(engine, *((name, 1.0) for name in NAMES))  # their states come into the arena
        monkeypatch.setattr(Judge, "judge", judge)
        first = await send(engine, *((name, 2.0, 1) for name in NAMES))
        second = await send(engine, ("b", 3.0, None, START + 2 * HOUR))
        assert codes(first) == [None] * 4
        assert codes(second) == [None]
        third = await engine.observe(replace(frame(*((name, 3.0, 2) for name in "acd")), fill=True))
        assert codes(third) == [None] * 3
        twice = await send(engine, ("c", 3.0), ("c", 4.0))
        assert codes(twice) == ["internal"] * 2


async def test_the_end_of_the_calendar_is_left_to_the_long_way() -> None:
    last = 253_402_300_799 // HOUR * HOUR  # the last hour of the year 9999
    horizon = fake_bundle().manifest.horizon
    async with running(FakeRuntime(fake_bundle())) as engine:
        await engine.create("a", last - (horizon + 1) * HOUR, column(1.0))
        assert codes(await send(engine, ("a", 2.0))) == [None]
        answers = await send(engine, ("a", 3.0))
        assert codes(answers) == ["invalid_time"]
        assert answers.times[0] == NO_TIME
