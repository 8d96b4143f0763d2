"""Older readings sent again: compared with what is recorded, and never a reason for others to wait."""

from __future__ import annotations

import numpy as np
import pytest

from service.journal.memory import MemoryJournal
from tests.service.engines import START, codes, column, running, send


class AskedJournal(MemoryJournal):
    """Counts how often it is asked for readings."""

    asked = 0

    def readings(self, key: int, first: int, last: int) -> np.ndarray:
        self.asked += 1
        return super().readings(key, first, last)


async def test_many_old_readings_are_compared_though_they_lie_far_apart() -> None:
    async with running(max_history=20_000) as engine:
        values = np.arange(10_000.0)
        await engine.create("a", START, column(*values))
        steps = [9_000, 3, 8_999, 5_000, 4, 9_998, 0]
        answers = await send(engine, *(("a", float(step), step) for step in steps))
        assert codes(answers) == ["duplicate"] * len(steps)
        answers = await send(engine, *(("a", step + 0.5, step) for step in steps))
        assert codes(answers) == ["conflict"] * len(steps)


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
async def test_a_frame_of_old_readings_is_fetched_in_few_pieces_whatever_their_order(order: str) -> None:
    journal = AskedJournal(1)
    async with running(journal=journal, max_batch=500) as engine:
        await engine.create("a", START, column(*np.arange(10_000.0)))
        steps = {
            "ascending": np.arange(0, 10_000, 20),
            "descending": np.arange(0, 10_000, 20)[::-1],
            "shuffled": np.random.default_rng(0).permutation(10_000)[:500],
        }[order]
        answers = await send(engine, *(("a", float(step), int(step)) for step in steps))
        assert set(codes(answers)) == {"duplicate"}
        assert journal.asked <= 3
