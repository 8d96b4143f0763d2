"""Another model over what is kept of its sessions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service import regime as statistic
from service.errors import StateLost
from service.journal.memory import MemoryJournal
from service.kept import PIECE
from service.refusals import WarmUpNotKept
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import START, Clock, alone, codes, column, send
from tests.service.retaining import head_of, keeping, settle
from tests.service.test_engine_retention import OFTEN, held, other_bundle
from tests.service.watching import told, watch_all, wave


async def test_another_model_warms_up_on_what_is_kept_and_stays_with_it() -> None:
    journal, clock, values = MemoryJournal(1), Clock(), np.arange(40.0) ** 1.5
    async with keeping(journal, clock, keep_readings=10, keep_slack=2, **OFTEN) as engine:
        await engine.create("a", START, column(*values[:30]))
        await settle(engine, clock)
        old = head_of(journal, "a")
    assert old.first_step == 20
    runtime = FakeRuntime(other_bundle(context=10))
    truth = alone(values[20:], START + 20 * 3_600, runtime)
    async with keeping(journal, clock, runtime) as engine:
        answers = await send(engine, ("a", values[30], 30))
        np.testing.assert_array_equal(answers.quantiles[0], truth[10])
    bases = [each for each in journal.kept(old.key).checkpoints if each.step == 19]
    assert {each.digest for each in bases} == {fake_bundle().digest, runtime.bundle.digest}, "the old model's way back"
    async with keeping(journal, clock, runtime, keep_readings=3, keep_slack=1, **OFTEN) as engine:
        for step in range(31, 40):
            answers = await send(engine, ("a", values[step], step))
            np.testing.assert_array_equal(answers.quantiles[0], truth[step - 20])
            await settle(engine, clock, 3)
    async with keeping(journal, clock) as engine:
        answers = await send(engine, ("a", 0.0, 39), ("a", 1.0, 40))
        assert codes(answers) == ["conflict", None]


async def test_a_model_that_needs_more_than_is_kept_is_refused_by_name() -> None:
    journal, clock = MemoryJournal(1), Clock()
    async with keeping(journal, clock, keep_readings=10, keep_slack=2, **OFTEN) as engine:
        await engine.create("a", START, column(*range(30)))
        await settle(engine, clock)
    async with keeping(journal, clock, FakeRuntime(other_bundle(context=11))) as engine:
        answers = await send(engine, ("a", 30.0, 30))
        assert codes(answers) == ["state_lost"]
        lost = answers.errors[0]
        assert lost is not None
        assert (lost.facts["kept"], lost.facts["needed"], lost.facts["last_step"]) == (10, 11, 29)
        assert "newest 10 readings" in lost.message
        assert "needs 11" in lost.message
        with pytest.raises(StateLost):
            await engine.peek("a")


def deeper(context: int) -> FakeRuntime:
    """Such a model, which forecasts what the one that serves does."""
    bundle = fake_bundle(name="deeper")
    manifest = bundle.manifest.model_copy(update={"context": context})
    return FakeRuntime(replace(bundle, manifest=manifest, digest=f"{context:064x}"))


@pytest.mark.parametrize("live", [True, False])
async def test_a_model_that_needs_more_than_is_kept_is_not_deployed_be_the_session_silent_or_not(live: bool) -> None:
    journal, clock = MemoryJournal(1), Clock()
    async with keeping(journal, clock, keep_readings=10, keep_slack=2, **OFTEN) as engine:
        for name in [f"whole {at}" for at in range(2 * PIECE)]:
            await engine.create(name, START, column(0))
        for name, count in (("some", 31), ("zzz", 30)):
            await engine.create(name, START, column(*range(count)))
        await settle(engine, clock)
        await send(engine, ("some", 31.0, 31))
        if not live:
            await engine.drain()
    async with keeping(journal, clock) as engine:
        if live:
            await send(engine, ("some", 32.0, 32), ("zzz", 30.0, 30))
        least = 11 if live else 10
        with pytest.raises(WarmUpNotKept, match=f"needs {least + 4} readings") as refused:
            await engine.models.follow(deeper(context=least + 4))
        assert refused.value.facts == {"context": least + 4, "sessions": 2, "least_kept": least}
        await engine.models.follow(deeper(context=least))
        await engine.models.level()
        await engine.models.promote()
        assert codes(await send(engine, ("some", 40.0), ("zzz", 40.0))) == [None, None]


async def test_a_model_whose_state_is_kept_from_before_the_oldest_reading_may_come_back() -> None:
    journal, clock, runtime = MemoryJournal(1), Clock(), deeper(context=20)
    values = np.arange(42.0) ** 1.5
    truth = alone(values, START, runtime)
    async with keeping(journal, clock, runtime, keep_readings=10, keep_slack=2, **OFTEN) as engine:
        await engine.create("a", START, column(*values[:40]))
        await settle(engine, clock)
    async with keeping(journal, clock) as engine:
        await engine.models.follow(runtime)
        await engine.models.level()
        await engine.models.promote()
        answers = await send(engine, ("a", values[40]))
        np.testing.assert_array_equal(answers.quantiles[0], truth[40])


async def test_a_flag_that_another_model_raises_names_the_step_in_the_whole_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistic, "SHORTEST_MEMORY", 12)
    journal, clock, values = MemoryJournal(1), Clock(), wave(120, 1, change=100)
    async with keeping(journal, clock, keep_readings=60, keep_slack=2, **OFTEN) as engine:
        await watch_all(engine, "a", history=values[:95])
        await settle(engine, clock)
    assert head_of(journal, "a").first_step == 35
    async with keeping(journal, clock, FakeRuntime(other_bundle(context=1))) as engine:
        seen = []
        for step in range(95, 110):
            answers = await send(engine, ("a", values[step], step))
            seen.append(told(answers, 0))
    raised = [said[2] for said in seen if said[0]]
    assert raised
    assert all(100 <= since < 110 for since in raised)


async def test_the_gates_of_a_last_reading_are_found_from_what_is_kept() -> None:
    journal, clock, runtime = MemoryJournal(1), Clock(), FakeRuntime(fake_bundle())
    async with keeping(journal, clock, runtime) as engine:
        await engine.create("a", START, column(*range(30)))
        _, expected = await engine.gates("a")
    async with keeping(journal, clock, runtime, keep_readings=1, keep_slack=1, **OFTEN) as engine:
        await settle(engine, clock, 16)
        assert held(journal, "a") == 1
        _, found = await engine.gates("a")
    np.testing.assert_array_equal(found, expected)
