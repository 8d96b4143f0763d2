"""Calibrated sessions whose past changes, that are copied, that lose readings, that another model takes over."""

from __future__ import annotations

import numpy as np
import pytest

from service.journal.memory import MemoryJournal
from tests.service.calibrating import calibrated_alone, noise
from tests.service.engines import START, Clock, codes, column, memory, running, send
from tests.service.retaining import head_of, keeping, settle
from tests.service.shared import replicas
from tests.service.succession import deploy, new, old
from tests.service.test_engine_corrections import fixed, forecast
from tests.service.watching import told_alone

BOTH = {"regime": True, "calibrate": True}
OFTEN = {"keep_seconds": 0.001}


@pytest.mark.parametrize("asked", [{"calibrate": True}, BOTH], ids=["calibrated", "both"])
async def test_a_corrected_and_a_rewound_session_is_as_if_it_had_always_been_so(asked: dict[str, bool]) -> None:
    values = noise(60, 1)
    async with running(checkpoint_every=8, chunk=64) as engine:
        await engine.create("a", START, column(*values[:30]), **asked)
        for step in range(30, 50):
            await send(engine, ("a", values[step], step))
        other = values[:50].copy()
        other[[12, 41]] = 30.0, -30.0
        await engine.changes.correct("a", fixed((12, 30.0), (41, -30.0)))
        np.testing.assert_array_equal(await forecast(engine, "a"), calibrated_alone(other)[-1])
        await engine.changes.rewind("a", 44)
        np.testing.assert_array_equal(await forecast(engine, "a"), calibrated_alone(other[:45])[-1])
        answers = await send(engine, *(("a", value) for value in values[50:]))
        both = np.concatenate([other[:45], values[50:]])
        np.testing.assert_array_equal(answers.quantiles[-1], calibrated_alone(both)[-1])


@pytest.mark.parametrize("asked", [{"calibrate": True}, BOTH], ids=["calibrated", "both"])
async def test_a_fork_and_a_session_that_was_taken_elsewhere_go_on_with_its_bands(asked: dict[str, bool]) -> None:
    values = noise(60, 2)
    expected = calibrated_alone(values)
    async with running(checkpoint_every=8) as engine:
        await engine.create("a", START, column(*values[:30]), **asked)
        for step in range(30, 50):
            await send(engine, ("a", values[step], step))
        whole, part = await engine.changes.fork("a", "whole"), await engine.changes.fork("a", "part", 42)
        assert whole.calibrate
        assert part.calibrate
        for name, last in (("whole", 49), ("part", 42)):
            np.testing.assert_array_equal(await forecast(engine, name), expected[last])
            answers = await send(engine, (name, values[last + 1], last + 1))
            np.testing.assert_array_equal(answers.quantiles[0], expected[last + 1])
        file = await engine.changes.export("a", "a")
    journal = memory()
    async with running(journal=journal) as engine:
        assert (await engine.changes.take_in("b", file)).calibrate
        saved = journal.kept(journal.head("b").key).checkpoints
        assert max(each.step for each in saved) == 49, "with its state, so that nothing is replayed"
        np.testing.assert_array_equal(await forecast(engine, "b"), expected[49])
        answers = await send(engine, ("b", values[50], 50))
        np.testing.assert_array_equal(answers.quantiles[0], expected[50])


async def test_the_file_of_a_session_that_is_not_calibrated_says_nothing_of_it() -> None:
    async with running() as engine:
        await engine.create("a", START, column(1.0, 2.0))
        await engine.create("b", START, column(1.0, 2.0), calibrate=True)
        assert b"calibrate" not in await engine.changes.export("a", "a")
        assert b'"calibrate":true' in await engine.changes.export("b", "b")


@pytest.mark.parametrize("asked", [{"calibrate": True}, BOTH], ids=["calibrated", "both"])
async def test_a_new_model_answers_as_if_it_had_always_calibrated_the_session(asked: dict[str, bool]) -> None:
    values = noise(70, 3)
    before, after = calibrated_alone(values, old()), calibrated_alone(values, new())
    async with running(old()) as engine:
        await engine.create("a", START, column(*values[:20]), **asked)
        await engine.create("plain", START, column(*values[:20]))
        for step in range(20, 30):
            answers = await send(engine, ("a", values[step], step), ("plain", values[step], step))
            np.testing.assert_array_equal(answers.quantiles[0], before[step])
        await deploy(engine, new())
        answers = await send(engine, *(("a", value) for value in values[30:50]))
        np.testing.assert_array_equal(answers.quantiles[-1], before[49])
        await engine.models.promote()
        for step in range(50, 60):
            answers = await send(engine, ("a", values[step], step))
            np.testing.assert_array_equal(answers.quantiles[0], after[step])
        await engine.models.rollback()
        for step in range(60, 70):
            answers = await send(engine, ("a", values[step], step))
            np.testing.assert_array_equal(answers.quantiles[0], before[step])
        if "regime" in asked:
            np.testing.assert_array_equal((await engine.regime("a"))[1], told_alone(values, old())[-1])


async def test_letting_go_of_readings_changes_no_band() -> None:
    values, journal, clock = noise(60, 4), MemoryJournal(1), Clock()
    expected = calibrated_alone(values)
    for part in (range(30), range(30, 45), range(45, 60)):
        async with keeping(journal, clock, keep_readings=3, keep_slack=2, **OFTEN) as engine:
            await engine.create("a", START, column(), calibrate=True)
            for step in part:
                answers = await send(engine, ("a", values[step], step))
                np.testing.assert_array_equal(answers.quantiles[0], expected[step])
                await settle(engine, clock, 3)
            journal.save = lambda *_: None  # type: ignore[method-assign] # no farewell: the next start replays
    assert head_of(journal, "a").first_step > 40


async def test_replicas_answer_alike_whichever_is_asked() -> None:
    values = noise(40, 5)
    expected = calibrated_alone(values)
    random = np.random.default_rng(6)
    async with replicas(3) as (engines, _):
        await engines[0].create("a", START, column(), **BOTH)
        for step, value in enumerate(values):
            answers = await send(engines[random.integers(3)], ("a", value, step))
            assert codes(answers) == [None]
            np.testing.assert_array_equal(answers.quantiles[0], expected[step])
            np.testing.assert_array_equal(await forecast(engines[random.integers(3)], "a"), expected[step])
