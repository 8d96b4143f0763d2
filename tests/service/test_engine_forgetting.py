"""The table of sessions is bounded: those that were silent for long leave it, and nobody can tell."""

from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.journal.memory import MemoryJournal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import START, Clock, alone, blocked, codes, column, send
from tests.service.retaining import keeping, settle
from tests.service.test_engine_marks import corrected

SMALL = {"max_resident": 2, "max_known": 8}


async def test_as_many_sessions_are_known_as_may_be_and_those_that_spoke_last_stay() -> None:
    clock = Clock()
    async with keeping(MemoryJournal(1), clock, **SMALL) as engine:
        for at in range(40):
            await engine.create(f"s{at}", START, column(float(at)))
        await settle(engine, clock, 20)
        table = engine._core.table
        assert len(table) <= 8
        for name in ("s3", "s7", "s9"):
            assert codes(await send(engine, (name, 1.0, 1))) == [None]
        for at in range(10, 30):
            await engine.session(f"s{at}")
            await settle(engine, clock, 2)
        assert len(table) <= 8
        assert {"s7", "s9"} <= {table.name(row) for row in table.rows().tolist()}, "their states are at hand"
        for at in range(40):
            moved = [1.0] if at in (3, 7, 9) else []
            np.testing.assert_array_equal((await engine.peek(f"s{at}"))[1], alone([float(at), *moved])[-1])


@settings(max_examples=15, deadline=None)
@given(
    order=st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=4), min_size=5, max_size=40),
    keep=st.sampled_from([None, 3]),
    chunk=st.sampled_from([2, 256]),
)
def test_whoever_speaks_in_whatever_order_is_answered_as_ever(
    order: list[list[int]], keep: int | None, chunk: int
) -> None:
    asyncio.run(
        _spoken(order, {"keep_readings": keep, "keep_slack": 2, "keep_seconds": 0.001, "chunk": chunk, **SMALL})
    )


async def _spoken(order: list[list[int]], bounds: dict[str, object]) -> None:
    clock, truth = Clock(), {f"s{at}": np.empty(0) for at in range(12)}
    async with keeping(MemoryJournal(1), clock, **bounds) as engine:
        for at, name in enumerate(truth):
            truth[name] = np.arange(at, dtype=float)
            await engine.create(name, START if at else None, column(*truth[name]))
        for number, some in enumerate(order):
            items = []
            for name in (f"s{at}" for at in some):
                step = len(truth[name])
                items.append((name, float(number), step, START + 3600 * step))
                truth[name] = np.append(truth[name], float(number))
            answers = await send(engine, *items)
            assert codes(answers) == [None] * len(items)
            for (name, _, step, _), row in zip(items, answers.rows.tolist(), strict=True):
                if row >= 0:
                    np.testing.assert_array_equal(answers.quantiles[row], alone(truth[name][: step + 1])[-1])
            await settle(engine, clock, 2)
            assert len(engine._core.table) <= 8 + 4


async def test_a_correction_whose_session_is_forgotten_meanwhile_is_begun_again() -> None:
    clock, runtime = Clock(), FakeRuntime(fake_bundle())
    async with keeping(MemoryJournal(1), clock, runtime, **SMALL, chunk=4) as engine:
        await engine.create("a", START, column(*range(12)))
        for at in range(6):
            await engine.create(f"s{at}", START, column(1.0))
            await engine.peek(f"s{at}")
        runtime.gate.clear()
        runtime.entered.clear()
        change = asyncio.create_task(engine.changes.correct("a", corrected(0, 5.0)))
        await blocked(runtime)
        engine._core.registry.drop("a")  # as the chore would; the thread waits at the gate
        runtime.gate.set()
        assert (await change).changed == 1
        np.testing.assert_array_equal((await engine.peek("a"))[1], alone([5.0, *range(1, 12)])[-1])
