"""What cannot take over, a candidate that fails, and what both models are told by."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from service.engine import Engine
from service.errors import GatecastError
from service.futures import Futures
from service.kept import check_warm_up
from service.refusals import (
    AlreadyServed,
    CandidateFailed,
    DeployUnderWay,
    ModelMisfit,
    NoCandidate,
    NotBetter,
    WarmUpNotKept,
)
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.succession import Gate
from tests.service.engines import (
    NAN,
    START,
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
from tests.service.test_succession import streamed, wave


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
            await engine.models.promote()
        await deploy(engine, new())  # another one may come
        await engine.models.promote()


@pytest.mark.parametrize("fault", ["raise_on", "nan_on"])
async def test_a_candidate_that_fails_on_what_is_recorded_ends_who_waits_for_it(fault: str) -> None:
    values = wave(5)
    async with running(old()) as engine:
        await engine.create("a", START, column(*values))
        candidate = new()
        setattr(candidate, fault, values[2] if fault == "raise_on" else values[4])
        await engine.models.follow(candidate)
        with pytest.raises(CandidateFailed):
            await asyncio.wait_for(engine.models.level(), 30)
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
        await engine.models.promote()
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
        await engine.models.promote()
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
            await engine.models.promote(Gate(1.0, 5))
        await streamed(engine, "a", [10.0] * 10)
        with pytest.raises(NotBetter, match="the current model stays") as refused:
            await engine.models.promote(Gate(1.0, 5))
        assert refused.value.facts["candidate"] > refused.value.facts["current"]  # type: ignore[operator]
        assert engine.runtime.bundle.manifest.name == "old"
        await engine.models.promote(Gate(1e9, 5))
        assert engine.runtime.bundle.manifest.name == "new"


async def test_what_cannot_take_over_is_refused_by_name() -> None:
    async with running(old()) as engine:
        with pytest.raises(AlreadyServed):
            await engine.models.follow(old())
        for changes, name in (
            ({"horizon": 4}, "horizon"),
            ({"quantiles": (0.5,)}, "quantiles"),
            ({"frequency": "1d"}, "frequency"),
            ({"covariates": ("t",)}, "covariates"),
            ({"static": ("kind",)}, "static"),
            ({"time_zone": "Europe/Berlin"}, "time_zone"),
        ):
            with pytest.raises(ModelMisfit, match=name) as refused:
                await engine.models.follow(FakeRuntime(fake_bundle(name="misfit", **changes)))  # type: ignore[arg-type]
            assert list(refused.value.facts["differs"]) == [name]  # type: ignore[call-overload]
        with pytest.raises(NoCandidate):
            await engine.models.promote()
        await engine.models.follow(new())
        with pytest.raises(DeployUnderWay):
            await engine.models.follow(new())
        await engine.models.dismiss()
        assert engine.follower is None
        with pytest.raises(NoCandidate):
            await engine.models.dismiss()


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
            await engine.models.promote(record=full)
        assert engine.runtime.bundle.manifest.name == "old"
        assert engine.follower is not None
        assert engine.follower.role == "candidate"


async def test_who_waits_for_a_candidate_is_told_when_it_is_given_up_or_the_service_ends() -> None:
    async with running(old(), chunk=1, history_batch=1) as engine:
        await engine.create("a", START, column(*wave(500)))
        candidate = new()
        candidate.gate.clear()
        await engine.models.follow(candidate)
        waiting = asyncio.ensure_future(engine.models.level())
        giving_up = asyncio.ensure_future(engine.models.dismiss())
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
        await engine.models.promote()
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
        await engine.models.promote()
        await streamed_with(engine, values[6:])
        np.testing.assert_array_equal((await engine.peek("a", ahead))[1], wanted)
