"""Gates with answers and of a session's last reading: those of its own step, and no cost to who does not ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.engine import Answers, Engine
from service.errors import CannotStream, ModelFailed, NoGates, NoReadings, Overloaded, UnknownSession
from service.journal import Journal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import (
    HOUR,
    NAN,
    START,
    Item,
    alone,
    blocked,
    codes,
    column,
    frame,
    named,
    running,
    runs,
    send,
    turn,
)


def gates_alone(values: list[float], runtime: FakeRuntime | None = None) -> NDArray[np.float32]:
    """The gates (time, gates) of a session that is alone, one step at a time."""
    runtime = runtime or FakeRuntime(fake_bundle())
    state, found = runtime.bundle.initial[None], []
    for step, value in enumerate(values):
        _, state, gates = runtime.step_with_gates(np.array([[value]]), np.array([START + step * HOUR]), state)
        found.append(gates[0])
    return np.array(found)


async def ask(engine: Engine, *items: Item) -> Answers:
    return await engine.observe(replace(frame(*items), gates=True))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_each_answer_carries_the_gates_of_its_own_reading_whoever_else_is_there(data: st.DataObject) -> None:
    names = ["a", "b", "c", "d"]
    values = st.one_of(st.just(NAN), st.floats(-100, 100, width=32))
    frames = data.draw(st.lists(st.lists(st.tuples(st.sampled_from(names), values), min_size=1, max_size=9)))
    asked = data.draw(st.lists(st.booleans(), min_size=len(frames), max_size=len(frames)))

    async def stream() -> None:
        sent: dict[str, list[float]] = {name: [] for name in names}
        async with running() as engine:
            await named(engine, *names)
            for items, gates in zip(frames, asked, strict=True):
                for name, value in items:
                    sent[name].append(value)
                answers = await engine.observe(replace(frame(*items), gates=gates))
                assert (answers.gates is not None) == gates
                for at, row in enumerate(answers.rows.tolist()):
                    name = items[at][0]
                    if row >= 0:
                        np.testing.assert_array_equal(answers.quantiles[row], alone(sent[name])[-1])
                    if answers.gates is None:
                        continue
                    assert (answers.gates.rows[at] >= 0) == (row >= 0)
                    if row >= 0:
                        shown = answers.gates.values[answers.gates.rows[at]]
                        np.testing.assert_array_equal(shown, gates_alone(sent[name])[-1])

    asyncio.run(stream())


async def test_who_does_not_ask_costs_no_gates_and_no_run_though_others_in_the_batch_do() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, "a", "b", "c")
        runtime.log.clear()
        runtime.gate.clear()
        first = asyncio.create_task(engine.observe(frame(("c", 0.0))))
        await asyncio.to_thread(runtime.entered.wait, 30)
        asking = asyncio.create_task(ask(engine, ("a", 1.0)))
        silent = asyncio.create_task(engine.observe(frame(("b", 2.0))))
        await asyncio.sleep(0)
        runtime.gate.set()
        found = await asyncio.gather(first, asking, silent)
        assert [answers.gates is not None for answers in found] == [False, True, False]
        assert [(run.batch, run.gates) for run in runs(runtime, "step")] == [(1, False), (1, False), (1, True)]


async def test_a_last_reading_sent_again_and_one_refused_carry_none() -> None:
    async with running() as engine:
        await named(engine, "a", "b")
        await ask(engine, ("a", 1.0, 0))
        answers = await ask(engine, ("a", 1.0, 0), ("b", 1.0, 5), ("nobody", 1.0), ("b", 3.0, 0))
        assert codes(answers) == [None, "gap", "unknown_session", None]
        assert answers.gates is not None
        assert (answers.gates.rows >= 0).tolist() == [False, False, False, True]


async def test_a_frame_worked_off_in_several_batches_keeps_each_gate_with_its_reading() -> None:
    names = [str(at) for at in range(10)]
    async with running(max_batch=3) as engine:
        await named(engine, *names)
        answers = await ask(engine, *((name, float(name)) for name in names), *((name, 50.0) for name in names))
        assert answers.gates is not None
        for at, name in enumerate(names):
            shown = answers.gates.values[answers.gates.rows[10 + at]]
            np.testing.assert_array_equal(shown, gates_alone([float(name), 50.0])[-1])


async def test_a_reading_whose_forecast_is_not_finite_leaves_the_gates_of_those_before_it() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime) as engine:
        await named(engine, "a")
        runtime.nan_on = 13.0
        answers = await ask(engine, ("a", 1.0), ("a", 2.0), ("a", 13.0), ("a", 4.0))
        assert codes(answers) == [None, None, "non_finite_forecast", "gap"]
        assert answers.gates is not None
        assert (answers.gates.rows >= 0).tolist() == [False, True, False, False]
        np.testing.assert_array_equal(answers.gates.values[0], gates_alone([1.0, 2.0])[-1])


@pytest.mark.parametrize("chunk", [4, 256])
async def test_the_last_readings_gates_are_found_again_wherever_the_session_stands(
    reopen: Callable[[], Journal], chunk: int
) -> None:
    values = list(np.random.default_rng(3).normal(0, 10, 30))
    async with running(journal=reopen(), chunk=chunk, checkpoint_every=7, checkpoint_group=1) as engine:
        await engine.create("a", START, column(*values[:20]))
        for step in range(20, 30):
            view, gates = await engine.gates("a")
            assert view.last_step == step - 1
            np.testing.assert_array_equal(gates, gates_alone(values[:step])[-1])
            answers = await engine.observe(frame(("a", values[step], step)))
            np.testing.assert_array_equal(answers.quantiles[0], alone(values[: step + 1])[-1])
    async with running(journal=reopen(), chunk=chunk) as engine:
        np.testing.assert_array_equal((await engine.gates("a"))[1], gates_alone(values)[-1])
        np.testing.assert_array_equal((await engine.peek("a"))[1], alone(values)[-1])


async def test_a_first_readings_gates_begin_at_the_initial_state() -> None:
    async with running() as engine:
        await named(engine, "a")
        with pytest.raises(NoReadings, match="no reading yet"):
            await engine.gates("a")
        await engine.observe(frame(("a", 4.0)))
        np.testing.assert_array_equal((await engine.gates("a"))[1], gates_alone([4.0])[0])
        with pytest.raises(UnknownSession):
            await engine.gates("b")


async def test_a_long_way_back_is_gone_once() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=10, checkpoint_every=50) as engine:
        await engine.create("a", START, column(*range(500)))
        for runs_expected in (50, 0):
            runtime.log.clear()
            np.testing.assert_array_equal((await engine.gates("a"))[1], gates_alone([*range(500)])[-1])
            assert len(runs(runtime, "sequence")) == runs_expected


async def asking(engine: Engine, runtime: FakeRuntime, *names: str) -> list[asyncio.Task[object]]:
    """Callers who ask for gates; a run of the first one's way back waits at the gate, and all have been seen."""
    runtime.gate.clear()
    tasks: list[asyncio.Task[object]] = [asyncio.ensure_future(engine.gates(names[0]))]
    await blocked(runtime)
    tasks += [asyncio.ensure_future(engine.gates(name)) for name in names[1:]]
    await asyncio.sleep(0)
    return tasks


async def test_all_who_ask_for_one_reading_go_back_to_it_together() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=10) as engine:
        values = [float(at) for at in range(500)]
        await engine.create("a", START, column(*values))
        runtime.log.clear()
        runtime.entered.clear()
        tasks = await asyncio.wait_for(asking(engine, runtime, *["a"] * 40), 30)
        tasks[0].cancel()  # who has left takes nobody along
        runtime.gate.set()
        found = await asyncio.gather(*tasks[1:])
        assert len(runs(runtime, "sequence")) == 50
        assert engine.waiting == (0, 0)
        for view, gates in found:
            assert view.last_step == 499
            np.testing.assert_array_equal(gates, gates_alone(values)[-1])
        await send(engine, ("a", 7.0, 500))  # another reading is another way back
        np.testing.assert_array_equal((await engine.gates("a"))[1], gates_alone([*values, 7.0])[-1])


async def test_ways_back_are_admitted_by_their_steps_and_those_who_join_one_take_none() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=10, max_waiting_steps=700, checkpoint_every=10_000) as engine:
        for name in ("a", "b", "c"):
            await engine.create(name, START, column(*range(300)))
        runtime.entered.clear()
        tasks = await asyncio.wait_for(asking(engine, runtime, "a", "a", "b", "c", "b"), 30)
        runtime.gate.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [getattr(each, "code", None) for each in found] == [None, None, None, "overloaded", None]
        assert isinstance(found[3], Overloaded)
        assert found[3].facts == {"retry_after_seconds": 1}
        assert engine.waiting == (0, 0)
        await engine.gates("c")
        for first in range(300, 900, 100):
            await send(engine, *(("a", float(step)) for step in range(first, first + 100)))
        await engine.gates("a")  # alone, however long


async def test_a_way_back_that_fails_or_that_nobody_waits_for_leaves_no_trace() -> None:
    runtime = FakeRuntime(fake_bundle())
    async with running(runtime, chunk=10) as engine:
        await engine.create("a", START, column(*range(100)))
        runtime.entered.clear()
        tasks = await asyncio.wait_for(asking(engine, runtime, "a", "a"), 30)
        for task in tasks:
            task.cancel()
        runtime.gate.set()
        await turn(engine)
        await turn(engine)
        assert engine.waiting == (0, 0)
        runtime.raise_on = 50.0
        failed = await asyncio.gather(engine.gates("a"), engine.gates("a"), return_exceptions=True)
        assert [type(each) for each in failed] == [ModelFailed] * 2
        assert engine.waiting == (0, 0)
        runtime.raise_on = None
        np.testing.assert_array_equal((await engine.gates("a"))[1], gates_alone([*range(100)])[-1])


async def test_a_model_without_gates_says_so_by_name() -> None:
    runtime = FakeRuntime(fake_bundle(gates=()))
    async with running(runtime) as engine:
        await named(engine, "a")
        with pytest.raises(NoGates, match="no gates"):
            await ask(engine, ("a", 1.0))
        with pytest.raises(NoGates):
            await engine.gates("a")
        assert codes(await engine.observe(frame(("a", 1.0)))) == [None]
    async with running(FakeRuntime(fake_bundle(streams=False))) as engine:
        with pytest.raises(CannotStream):
            await engine.gates("a")
