"""The allowance of a stream: so many frames and so many bytes are on their way, and one frame always may be."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from service.api.allowance import Allowance, size_of
from service.api.forecasts import Levels


async def may_take(allowance: Allowance) -> bool:
    waiting = asyncio.ensure_future(allowance.wait())
    await asyncio.sleep(0)
    free = waiting.done()
    waiting.cancel()
    return free


async def test_a_frame_waits_while_others_fill_the_count_or_the_bytes() -> None:
    allowance = Allowance(frames=2, size=100)
    assert await may_take(allowance)
    allowance.take(1)
    assert await may_take(allowance)
    allowance.take(1)
    assert not await may_take(allowance)  # two frames
    allowance.give(1)
    allowance.take(99)
    allowance.give(1)
    assert await may_take(allowance)  # one frame of 99
    allowance.take(1)
    allowance.give(99)
    allowance.take(99)
    assert not await may_take(allowance)


async def test_a_frame_that_is_larger_than_all_that_is_allowed_goes_alone() -> None:
    allowance = Allowance(frames=8, size=100)
    allowance.take(1_000)
    assert not await may_take(allowance)
    allowance.give(1_000)
    assert await may_take(allowance)


@given(st.lists(st.integers(1, 300), max_size=30), st.integers(1, 5), st.integers(1, 500))
def test_no_more_is_ever_on_its_way_than_is_allowed_and_one_frame_beyond(
    sizes: list[int], frames: int, size: int
) -> None:
    async def run() -> None:
        allowance = Allowance(frames, size)
        taken: list[int] = []
        for each in sizes:
            while not await may_take(allowance):
                allowance.give(taken.pop(0))
            allowance.take(each)
            taken.append(each)
            assert len(taken) <= frames
            assert sum(taken[:-1]) < size

    asyncio.run(run())


def test_an_answer_is_sized_by_what_it_shows() -> None:
    levels = Levels(24, (0.1, 0.5, 0.9))
    whole, part = levels.all, levels.select(1, [0.5])
    assert size_of(10, whole, 0) == 10 * size_of(1, whole, 0)
    assert size_of(1, part, 0) < size_of(1, whole, 0) < size_of(1, whole, 384)
