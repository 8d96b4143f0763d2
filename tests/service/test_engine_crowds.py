"""Crowds: many sessions that wake at once, or begin at once, and what that costs those beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from service.journal import Beginning, Head
from service.journal.memory import MemoryJournal
from tests.service.engines import START, alone, codes, column, frame, running, send

CROWD = [f"s{number}" for number in range(40)]


class KeptJournal(MemoryJournal):
    """Goes on with the next engine; counts how often sessions were begun."""

    begun = 0

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head]:
        self.begun += 1
        return super().replace_all(beginnings)

    def close(self) -> None:
        """Stays open."""


@pytest.fixture
async def journal() -> KeptJournal:
    """Forty sessions of six readings without a checkpoint, and one without a reading."""
    journal = KeptJournal(1)
    for name in CROWD:
        journal.create(Beginning(name, START, "", column(*range(6))))
    journal.create(Beginning("neighbour", START, "", column()))
    return journal


@pytest.mark.parametrize("resident", [40, 1_000])
async def test_many_sessions_that_wake_at_once_are_rebuilt_piece_by_piece(journal: KeptJournal, resident: int) -> None:
    async with running(journal=journal, chunk=8, history_batch=2, max_resident=resident) as engine:
        crowd = asyncio.create_task(engine.observe(frame(*((name, 6.0, 6) for name in CROWD))))
        beside = asyncio.create_task(send(engine, ("neighbour", 1.0, 0)))
        done, _ = await asyncio.wait({crowd, beside}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {beside}
        answers = await crowd
        assert codes(answers) == [None] * len(CROWD)
        expected = alone(range(7))[-1]
        for forecast in answers.quantiles:
            np.testing.assert_array_equal(forecast, expected)


async def test_many_sessions_that_begin_at_once_are_one_write(journal: KeptJournal) -> None:
    async with running(journal=journal) as engine:
        for name in "abc":
            await engine.create(name, None, column())
        answers = await send(
            engine, ("a", 1.0, None, START), ("b", 2.0, None, START), ("a", 3.0, 1), ("c", 4.0, None, START + 3600)
        )
        assert codes(answers) == [None] * 4
        assert journal.begun == 1
        assert [(await engine.session(name)).last_step for name in "abc"] == [1, 0, 0]
        assert (await engine.session("c")).start == START + 3600
