"""A new model under live traffic: it is brought up beside the old one, takes its place, and gives it back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from service.engine import Engine
from service.errors import GatecastError
from service.frames import History
from service.futures import Futures
from service.kept import check_warm_up
from service.refusals import (
    AlreadyServed,
    CandidateFailed,
    DeployUnderWay,
    ModelMisfit,
    NoCandidate,
    NoRollback,
    NotBetter,
    WarmUpNotKept,
)
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.succession import Gate
from tests.service.engines import (
    HOUR,
    NAN,
    START,
    Clock,
    Watcher,
    codes,
    column,
    frame,
    memory,
    named,
    running,
    send,
    turn,
)  # fmt: skip
from tests.service.succession import Leaning, deploy, expected, fallen, new, old


def wave(count: int, seed: int = 0) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).normal(10, 3, count).round(3)]


async def streamed(engine: Engine, name: str, values: list[float]) -> np.ndarray:
    """The forecast after the last of these readings, sent one by one."""
    for value in values:
        answers = await send(engine, (name, value))
        assert codes(answers) == [None]
    return answers.quantiles[0]


async def test_a_promoted_model_answers_as_if_it_had_served_from_the_first_reading() -> None:
    values = wave(12)
    async with running(old()) as engine:
        await named(engine, "a")
        np.testing.assert_array_equal(await streamed(engine, "a", values[:6]), expected(old(), values[:6])[-1])
        await deploy(engine, new())
        np.testing.assert_array_equal(await streamed(engine, "a", values[6:9]), expected(old(), values[:9])[-1])
        await engine.promote()
        np.testing.assert_array_equal(await streamed(engine, "a", values[9:]), expected(new(), values)[-1])
        assert engine.runtime.bundle.manifest.name == "new"


async def test_at_the_switch_nothing_is_replayed_of_a_session_that_is_live() -> None:
    watcher, values = Watcher(), wave(8)
    async with running(old(), observer=watcher) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:6])
        watcher.rebuilds.clear()  # which are those that the stream waited for
        await deploy(engine, new())
        await streamed(engine, "a", values[6:7])
        await engine.promote()
        await streamed(engine, "a", values[7:])
        assert watcher.rebuilds == []


async def test_a_session_that_is_not_at_hand_comes_back_with_the_new_model() -> None:
    values, others = wave(6), wave(5, seed=1)
    async with running(old(), max_resident=1) as engine:
        await named(engine, "a", "b")
        await streamed(engine, "a", values[:5])
        await streamed(engine, "b", others)  # which puts the other out
        await deploy(engine, new())
        await engine.promote()
        np.testing.assert_array_equal(await streamed(engine, "a", values[5:]), expected(new(), values)[-1])


async def test_a_long_history_is_rebuilt_chunk_by_chunk_while_readings_go_on() -> None:
    values = wave(300)
    async with running(old(), chunk=16) as engine:
        await engine.create("a", START, column(*values[:200]))
        candidate = new()
        await engine.follow(candidate)
        for value in values[200:]:
            await send(engine, ("a", value))
        await asyncio.wait_for(engine.level(), 30)
        assert max(run.time for run in candidate.log) <= 16
        await engine.promote()
        assert (await engine.peek("a"))[1].tolist() == expected(new(), values)[-1].tolist()


async def test_what_was_put_aside_for_a_late_state_is_answered_by_the_model_that_takes_over() -> None:
    values, journal = wave(2_001), memory()
    async with running(FakeRuntime(fake_bundle(name="older")), journal) as engine:
        await engine.create("a", START, column(*values[:2_000]))
    async with running(old(), journal, chunk=4) as engine:
        await deploy(engine, new())
        asked = asyncio.ensure_future(send(engine, ("a", values[2_000])))
        await turn(engine)
        await engine.promote()
        assert not asked.done()
        answers = await asyncio.wait_for(asked, 30)
        assert codes(answers) == [None]
        assert answers.quantiles[0].tolist() == expected(new(), values)[-1].tolist()


async def test_a_session_that_is_still_on_its_way_at_the_switch_is_asked_of_the_journal() -> None:
    values = wave(2_003)
    async with running(old(), chunk=4, max_resident=1) as engine:
        await engine.create("a", START, column(*values[:2_000]))
        await deploy(engine, new())
        await named(engine, "b")
        await streamed(engine, "b", [1.0])  # which puts the other out, in both models
        await streamed(engine, "a", values[2_000:2_002])
        assert engine.follower is not None
        assert engine.follower.left == 1
        await engine.promote()
        np.testing.assert_array_equal(await streamed(engine, "a", values[2_002:]), expected(new(), values)[-1])


async def test_a_session_that_is_made_anew_across_the_switch_goes_on_from_there() -> None:
    values, again = wave(5), wave(2_002, seed=4)
    async with running(old(), chunk=4) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values)
        await deploy(engine, new())
        made = asyncio.ensure_future(engine.create("a", START, column(*again[:2_000]), replace=True))
        await asyncio.sleep(0)
        await engine.promote()
        assert not made.done()
        assert codes(await send(engine, ("a", 1.0))) == [None]  # of the session that was
        assert (await asyncio.wait_for(made, 30)).revision == 2
        np.testing.assert_array_equal(
            await streamed(engine, "a", again[2_000:2_001]), expected(new(), again[:2_001])[-1]
        )
        await engine.rollback()
        np.testing.assert_array_equal(await streamed(engine, "a", again[2_001:]), expected(old(), again)[-1])


async def test_a_model_that_is_let_go_still_answers_the_histories_that_it_was_given() -> None:
    values = wave(2_000)
    async with running(old(), chunk=4) as engine:
        await deploy(engine, new())
        history = History(np.array(values)[:, None], START + HOUR * np.arange(2_000))
        asked = asyncio.ensure_future(engine.forecast([history]))
        await asyncio.sleep(0)
        await engine.promote()
        await engine.dismiss()
        assert not asked.done()
        np.testing.assert_array_equal((await asyncio.wait_for(asked, 30))[0], expected(old(), values)[-1])


async def test_the_model_before_is_back_at_once_and_answers_as_if_it_had_never_gone() -> None:
    watcher, values = Watcher(), wave(12)
    async with running(old(), observer=watcher) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:4])
        watcher.rebuilds.clear()
        await deploy(engine, new())
        await engine.promote()
        await streamed(engine, "a", values[4:8])
        await engine.rollback()
        np.testing.assert_array_equal(await streamed(engine, "a", values[8:]), expected(old(), values)[-1])
        assert watcher.rebuilds == []
        assert engine.follower is None
        with pytest.raises(NoRollback):
            await engine.rollback()


async def test_sessions_that_are_made_after_the_promotion_are_known_to_the_model_before() -> None:
    values = wave(6)
    async with running(old()) as engine:
        await deploy(engine, new())
        await engine.promote()
        await engine.create("late", START, column(*values[:3]))
        await streamed(engine, "late", values[3:5])
        await engine.rollback()
        np.testing.assert_array_equal(await streamed(engine, "late", values[5:]), expected(old(), values)[-1])


async def test_after_its_time_the_model_before_is_let_go() -> None:
    clock = Clock()
    async with running(old(), clock=clock, rollback_seconds=60) as engine:
        await deploy(engine, new())
        await engine.promote()
        await turn(engine)
        assert engine.follower is not None
        clock.now = 60.0
        await turn(engine)
        await turn(engine)
        assert engine.follower is None


@pytest.mark.parametrize("fault", ["raise_on", "nan_on"])
async def test_a_candidate_that_fails_is_given_up_by_name_and_the_current_one_notices_nothing(fault: str) -> None:
    watcher, values = Watcher(), wave(8)
    async with running(old(), observer=watcher) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:4])
        candidate = new()
        setattr(candidate, fault, values[5])
        await deploy(engine, candidate)
        np.testing.assert_array_equal(await streamed(engine, "a", values[4:6]), expected(old(), values[:6])[-1])
        error = await fallen(engine)
        assert error.code == "candidate_failed"
        np.testing.assert_array_equal(await streamed(engine, "a", values[6:]), expected(old(), values)[-1])
        assert engine.ready
        assert watcher.faults == ["CandidateFailed"]
        with pytest.raises(CandidateFailed):
            await engine.promote()
        await deploy(engine, new())  # another one may come
        await engine.promote()


@pytest.mark.parametrize("fault", ["raise_on", "nan_on"])
async def test_a_candidate_that_fails_on_what_is_recorded_ends_who_waits_for_it(fault: str) -> None:
    values = wave(5)
    async with running(old()) as engine:
        await engine.create("a", START, column(*values))
        candidate = new()
        setattr(candidate, fault, values[2] if fault == "raise_on" else values[4])
        await engine.follow(candidate)
        with pytest.raises(CandidateFailed):
            await asyncio.wait_for(engine.level(), 30)
        assert engine.ready


async def test_a_session_that_is_replaced_or_deleted_meanwhile_is_followed_as_it_is_then() -> None:
    values, again = wave(6), wave(4, seed=3)
    async with running(old()) as engine:
        await named(engine, "replaced", "deleted")
        await streamed(engine, "replaced", values)
        await streamed(engine, "deleted", values)
        await deploy(engine, new())
        await engine.create("replaced", START, column(*again[:2]), replace=True)
        await engine.delete("deleted")
        await streamed(engine, "replaced", again[2:3])
        await engine.promote()
        np.testing.assert_array_equal(await streamed(engine, "replaced", again[3:]), expected(new(), again)[-1])
        assert codes(await send(engine, ("deleted", 1.0))) == ["unknown_session"]
        await engine.create("deleted", START, column())
        np.testing.assert_array_equal(await streamed(engine, "deleted", again), expected(new(), again)[-1])


async def test_a_candidate_saves_nothing_and_a_promoted_model_does() -> None:
    watcher, journal, values = Watcher(), memory(), wave(9)
    async with running(old(), journal, watcher, checkpoint_every=2, checkpoint_group=1) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:4])
        key = journal.head("a").key  # type: ignore[union-attr]
        candidate = new()
        await deploy(engine, candidate)
        await streamed(engine, "a", values[4:6])
        await turn(engine)
        assert journal.load(key, candidate.bundle.digest)[0] is None
        await engine.promote()
        await streamed(engine, "a", values[6:])
    checkpoint, rest = journal.load(key, candidate.bundle.digest)
    assert checkpoint is not None
    assert checkpoint.step == 8
    assert len(rest) == 0


async def test_both_errors_are_told_over_the_same_readings() -> None:
    values = wave(30)
    async with running(old()) as engine:
        await named(engine, "a")
        await streamed(engine, "a", values[:5])
        await deploy(engine, new())
        await streamed(engine, "a", [*values[5:20], NAN, *values[21:]])
        await turn(engine)
        assert engine.follower is not None
        scores = engine.follower.scores
    seen = np.array([*values[:20], NAN, *values[21:]])
    scored = [step for step in range(6, 30) if step != 20]  # the first forecast that both made is that after step 5
    levels = np.array([0.1, 0.5, 0.9])
    assert scores.readings == len(scored)
    for runtime, score in ((old(), scores.leader), (new(), scores.follower)):
        said = expected(runtime, list(seen))[np.array(scored) - 1, 0]
        off = seen[scored][:, None] - said
        assert score is not None
        np.testing.assert_allclose(score.mae, np.abs(off[:, 1]).mean())
        np.testing.assert_allclose(score.quantile_loss, np.maximum(levels * off, (levels - 1) * off).mean())


async def test_a_promotion_can_be_bound_to_the_errors() -> None:
    async with running(old()) as engine:
        await named(engine, "a")
        await streamed(engine, "a", [10.0] * 3)
        await deploy(engine, new())
        with pytest.raises(NotBetter, match="there are 0"):
            await engine.promote(Gate(1.0, 5))
        await streamed(engine, "a", [10.0] * 10)
        with pytest.raises(NotBetter, match="the current model stays") as refused:
            await engine.promote(Gate(1.0, 5))
        assert refused.value.facts["candidate"] > refused.value.facts["current"]  # type: ignore[operator]
        assert engine.runtime.bundle.manifest.name == "old"
        await engine.promote(Gate(1e9, 5))
        assert engine.runtime.bundle.manifest.name == "new"


async def test_what_cannot_take_over_is_refused_by_name() -> None:
    async with running(old()) as engine:
        with pytest.raises(AlreadyServed):
            await engine.follow(old())
        for changes, name in (
            ({"horizon": 4}, "horizon"),
            ({"quantiles": (0.5,)}, "quantiles"),
            ({"frequency": "1d"}, "frequency"),
            ({"covariates": ("t",)}, "covariates"),
            ({"static": ("kind",)}, "static"),
            ({"time_zone": "Europe/Berlin"}, "time_zone"),
        ):
            with pytest.raises(ModelMisfit, match=name) as refused:
                await engine.follow(FakeRuntime(fake_bundle(name="misfit", **changes)))  # type: ignore[arg-type]
            assert list(refused.value.facts["differs"]) == [name]  # type: ignore[call-overload]
        with pytest.raises(NoCandidate):
            await engine.promote()
        await engine.follow(new())
        with pytest.raises(DeployUnderWay):
            await engine.follow(new())
        await engine.dismiss()
        assert engine.follower is None
        with pytest.raises(NoCandidate):
            await engine.dismiss()


def test_a_model_that_needs_more_than_is_kept_is_refused_with_numbers() -> None:
    oldest, last = np.array([0, 100, 100]), np.array([5, 300, 150])
    check_warm_up(51, oldest, last)
    with pytest.raises(WarmUpNotKept, match="needs 52 readings") as refused:
        check_warm_up(52, oldest, last)
    assert refused.value.facts == {"context": 52, "sessions": 1, "least_kept": 51}


async def test_if_it_cannot_be_recorded_nothing_is_promoted() -> None:
    def full() -> None:
        raise GatecastError("the disk is full")

    async with running(old()) as engine:
        await deploy(engine, new())
        with pytest.raises(GatecastError, match="full"):
            await engine.promote(record=full)
        assert engine.runtime.bundle.manifest.name == "old"
        assert engine.follower is not None
        assert engine.follower.role == "candidate"


async def test_who_waits_for_a_candidate_is_told_when_it_is_given_up_or_the_service_ends() -> None:
    async with running(old(), chunk=1, history_batch=1) as engine:
        await engine.create("a", START, column(*wave(500)))
        candidate = new()
        candidate.gate.clear()
        await engine.follow(candidate)
        waiting = asyncio.ensure_future(engine.level())
        giving_up = asyncio.ensure_future(engine.dismiss())
        await asyncio.sleep(0)
        candidate.gate.set()
        await asyncio.wait_for(giving_up, 30)
        with pytest.raises(NoCandidate):
            await asyncio.wait_for(waiting, 30)


async def test_a_session_whose_regime_is_watched_goes_on_as_if_the_new_model_had_always_watched_it() -> None:
    values = wave(60)
    async with running(new()) as always:
        await always.create("a", START, column(), regime=True)
        await streamed(always, "a", values)
        _, said = await always.regime("a")
    async with running(old()) as engine:
        await engine.create("a", START, column(*values[:20]), regime=True)
        await streamed(engine, "a", values[20:30])
        await deploy(engine, new())
        await send(engine, *[("a", value) for value in values[30:50]])  # several steps in one turn
        await engine.promote()
        np.testing.assert_array_equal(await streamed(engine, "a", values[50:]), expected(new(), values)[-1])
        np.testing.assert_array_equal((await engine.regime("a"))[1], said)


async def test_what_is_known_ahead_and_static_reaches_the_candidate_too() -> None:
    kinds = {"covariates": ("price",), "future": ("price",), "static": ("area",)}
    one, two = (fake_bundle(name=name, **kinds) for name in ("old", "new"))  # type: ignore[arg-type]
    values, ahead = wave(8), np.arange(3.0)[:, None]

    async def streamed_with(engine: Engine, some: list[float]) -> None:
        for value in some:
            sent = frame(("a", value), width=2)
            futures = Futures.of(np.zeros(1, np.int64), ahead[None])
            assert codes(await engine.observe(replace(sent, futures=futures))) == [None]

    async with running(Leaning(two)) as always:
        await always.create("a", START, np.empty((0, 2)), static=np.array([7.0]))
        await streamed_with(always, values)
        _, wanted = await always.peek("a", ahead)
    async with running(FakeRuntime(one)) as engine:
        await engine.create("a", START, np.empty((0, 2)), static=np.array([7.0]))
        await streamed_with(engine, values[:4])
        await deploy(engine, Leaning(two))
        await streamed_with(engine, values[4:6])
        await turn(engine)
        assert engine.follower is not None
        assert engine.follower.scores.readings == 1  # the forecast after step 4, with what both were told
        await engine.promote()
        await streamed_with(engine, values[6:])
        np.testing.assert_array_equal((await engine.peek("a", ahead))[1], wanted)
