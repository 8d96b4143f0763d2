"""Readings that are let go of: nobody's forecast changes, the journal stays bounded, and what is gone is said to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import regime as statistic
from service import retention
from service.bundle import Bundle
from service.journal import Beginning, Checkpoint, Head, Journal, open_journal
from service.journal.memory import MemoryJournal
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import START, Clock, alone, codes, column, send, turn
from tests.service.retaining import Keeper, head_of, keeping, settle
from tests.service.watching import told, told_alone, watch_all, wave

OFTEN = {"keep_seconds": 0.001}


def other_bundle(context: int) -> Bundle:
    """Another model, which needs so many readings to warm up."""
    bundle = fake_bundle(name="another", horizon=2)
    manifest = bundle.manifest.model_copy(update={"context": context})
    return replace(bundle, manifest=manifest, digest=f"{context:064x}")


class AskedJournal(MemoryJournal):
    """Notes the sessions that it is asked for by name."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.asked: list[str] = []

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        self.asked += names
        return super().heads(names)


def held(journal: Journal, name: str) -> int:
    head = head_of(journal, name)
    count = len(journal.readings(head.key, 0, head.last_step))
    assert count == head.last_step + 1 - head.first_step
    return count


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_no_forecast_changes_whatever_is_kept_and_the_journal_stays_bounded(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bounds = {
        "keep_readings": data.draw(st.integers(1, 20), label="keep_readings"),
        "keep_slack": data.draw(st.integers(1, 10), label="slack"),
        "checkpoint_every": data.draw(st.sampled_from([1, 4, 256]), label="checkpoint_every"),
        "checkpoint_group": data.draw(st.sampled_from([1, 64]), label="checkpoint_group"),
        "chunk": data.draw(st.sampled_from([2, 8, 256]), label="chunk"),
        "history_batch": data.draw(st.sampled_from([1, 16]), label="history_batch"),
        "max_resident": data.draw(st.sampled_from([1, 2, 64]), label="max_resident"),
    }
    lives = st.tuples(st.integers(1, 15), st.booleans())
    counts = data.draw(
        st.lists(lives, min_size=1, max_size=3), label="frames between restarts, whether states are saved"
    )
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    kept, path = MemoryJournal(1), tmp_path_factory.mktemp("journal") / "journal.sqlite"

    def reopen() -> Journal:
        return kept if kind == "memory" else open_journal(f"sqlite:{path}", 1, "1h", "process")

    asyncio.run(_traffic(reopen, bounds, counts, random))


async def _traffic(
    reopen: Callable[[], Journal], bounds: dict[str, int], lives: list[tuple[int, bool]], random: np.random.Generator
) -> None:
    clock, names = Clock(), ["a", "b", "watched"]
    series = {name: random.normal(size=400) for name in names}
    truths = {name: alone(values) for name, values in series.items()}
    sent = {"a": 0, "b": 60, "watched": 0}
    slack = max(bounds["keep_slack"], bounds["keep_readings"] // 4)
    for count, saves in lives:
        journal = reopen()
        vars(journal).pop("save", None)
        if not saves:  # then states come back from the base alone
            journal.save = lambda *_: None  # type: ignore[method-assign]
        async with keeping(journal, clock, **OFTEN, **bounds) as engine:
            for name in names:
                history = column(*series[name][: 60 if name == "b" else 0])
                view = await engine.create(name, START, history, regime=name == "watched")
                assert view.last_step == sent[name] - 1
            for _ in range(count):
                items = []
                for name in map(str, random.choice(names, random.integers(1, 9))):
                    items.append((name, series[name][sent[name]], sent[name]))
                    sent[name] += 1
                answers = await send(engine, *items)
                assert codes(answers) == [None] * len(items)
                for (name, _, _), step, row in zip(items, answers.steps, answers.rows, strict=True):
                    if row >= 0:
                        np.testing.assert_array_equal(answers.quantiles[row], truths[name][step])
                clock.now += random.choice([0.0, 0.3, 3.0])
            for _ in range(100):
                if all(held(journal, name) < bounds["keep_readings"] + slack for name in names):
                    break
                await settle(engine, clock, 1)
            for name in names:
                assert min(sent[name], bounds["keep_readings"]) <= held(journal, name)
                assert held(journal, name) < bounds["keep_readings"] + slack, name


async def test_what_was_let_go_of_is_a_duplicate_that_nobody_can_compare() -> None:
    journal, clock = MemoryJournal(1), Clock()
    async with keeping(journal, clock, keep_readings=4, keep_slack=2, **OFTEN) as engine:
        await engine.create("a", START, column(*range(20)))
        await settle(engine, clock)
        assert head_of(journal, "a").first_step == 16
        answers = await send(engine, ("a", 99.0, 3), ("a", 3.0, 3), ("a", 99.0, 17), ("a", 17.0, 17), ("a", 0.0, 0))
        assert codes(answers) == ["duplicate", "duplicate", "conflict", "duplicate", "duplicate"]
        view = await engine.session("a")
        assert (view.first_step, view.first_time) == (16, START + 16 * 3_600)


async def test_days_are_kept_of_each_sessions_own_time() -> None:
    journal, clock, watcher = MemoryJournal(1), Clock(), Keeper()
    async with keeping(journal, clock, watcher=watcher, keep_days=1, keep_slack=1, **OFTEN) as engine:
        await engine.create("a", START, column(*range(100)))
        await engine.create("b", 0, column(*range(20)))
        await settle(engine, clock)
        assert head_of(journal, "a").first_step == 99 - 24
        assert head_of(journal, "b").first_step == 0
        assert watcher.gone == 75


async def test_sessions_that_are_silent_since_the_start_are_found_and_leave_no_trace() -> None:
    journal, clock, watcher = AskedJournal(1), Clock(), Keeper()
    async with keeping(journal, clock) as engine:
        for at in range(150):
            await engine.create(f"s{at:03}", START, column(*range(30)))
    async with keeping(journal, clock, watcher=watcher, keep_readings=5, keep_slack=5, **OFTEN) as engine:
        await settle(engine, clock, 60)
        assert [held(journal, f"s{at:03}") for at in range(150)] == [5] * 150
        assert watcher.gone == 150 * 25
        journal.asked.clear()
        answers = await send(engine, ("s077", 30.0, 30))
        assert journal.asked == ["s077"], "the table did not keep it"
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(31.0))[-1])


async def test_a_long_past_goes_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_STEPS", 7)
    journal, clock, watcher = MemoryJournal(1), Clock(), Keeper()
    async with keeping(journal, clock, watcher=watcher, keep_readings=5, keep_slack=5, chunk=2, **OFTEN) as engine:
        await engine.create("a", START, column(*range(50)))
        await settle(engine, clock, 100)
        assert held(journal, "a") in (5, 6), "what is less than a chunk is left for the next time"
        assert watcher.gone == 50 - held(journal, "a")
        answers = await send(engine, ("a", 50.0, 50))
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(51.0))[-1])


async def test_a_watched_session_keeps_its_regime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistic, "SHORTEST_MEMORY", 12)
    values = wave(60, 1, change=40)
    expected, journal, clock = told_alone(values), MemoryJournal(1), Clock()
    for part in (range(30), range(30, 45), range(45, 60)):
        async with keeping(journal, clock, keep_readings=3, keep_slack=2, **OFTEN) as engine:
            await watch_all(engine, "a")
            for step in part:
                answers = await send(engine, ("a", values[step], step))
                np.testing.assert_array_equal(told(answers, 0), expected[step])
                await settle(engine, clock, 3)
            journal.save = lambda *_: None  # type: ignore[method-assign] # no farewell: the next start replays
    assert held(journal, "a") < 6


async def test_a_session_that_cannot_be_replayed_keeps_its_readings_and_is_not_tried_at_every_look() -> None:
    journal, clock, runtime, watcher = MemoryJournal(1), Clock(), FakeRuntime(fake_bundle()), Keeper()
    bounds = {"keep_readings": 4, "keep_slack": 4, **OFTEN}
    head = journal.create(Beginning("bad", START, "x", column(*range(20))))
    runtime.raise_on = 2.0
    async with keeping(journal, clock, runtime, watcher, **bounds) as engine:
        await settle(engine, clock, 4)
        await engine.create("good", START, column(*np.arange(20.0) + 10))
        await settle(engine, clock, 30)
        assert held(journal, "good") < 8
        assert held(journal, "bad") == 20
        assert watcher.faults == ["ModelFailed"]
        runtime.raise_on = None
        assert codes(await send(engine, *(("bad", 1.0, 20 + at) for at in range(4)))) == [None] * 4
        await settle(engine, clock, 30)
        assert held(journal, "bad") == 4
        assert head_of(journal, "bad").key == head.key


async def test_a_session_that_is_replaced_or_deleted_meanwhile_is_left_alone() -> None:
    journal, clock, runtime = MemoryJournal(1), Clock(), FakeRuntime(fake_bundle())
    async with keeping(journal, clock, runtime, chunk=2, keep_readings=4, keep_slack=4, **OFTEN) as engine:
        for name in "ab":
            await engine.create(name, START, column(*range(50)))
        await settle(engine, clock, 4)
        await engine.create("a", START, column(*range(6)), replace=True)
        await engine.delete("b")
        await settle(engine, clock, 30)
        assert held(journal, "a") == 6
        assert journal.head("b") is None
        answers = await send(engine, ("a", 6.0, 6))
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(7.0))[-1])


async def test_who_finds_more_let_go_of_than_expected_looks_again() -> None:
    journal, clock = MemoryJournal(1), Clock()
    async with keeping(journal, clock, keep_readings=10, keep_slack=5, **OFTEN) as engine:
        await engine.create("a", START, column(*range(10)))
        await engine.peek("a")
        head = head_of(journal, "a")
        for step in range(10, 14):
            await send(engine, ("a", float(step), step))
        state = FakeRuntime(fake_bundle()).sequence(
            np.arange(12.0)[None, :, None],
            START + 3_600 * np.arange(12)[None],
            np.array([12]),
            fake_bundle().initial[None],
        )[1][0]
        assert journal.retain(head.key, 1, 12, [Checkpoint(11, 1, fake_bundle().digest, state)])
        await send(engine, *(("a", float(step), step) for step in range(14, 20)))
        await settle(engine, clock, 10)
        answers = await send(engine, ("a", 20.0, 20))
        np.testing.assert_array_equal(answers.quantiles[0], alone(np.arange(21.0))[-1])
        assert head_of(journal, "a").first_step == 12
        await turn(engine)
