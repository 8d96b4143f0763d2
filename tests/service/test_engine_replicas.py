"""Several engines over one shared journal: any of them serves any session, and each reading is taken once."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Answers, Engine
from service.errors import GatecastError, JournalError, SessionExists
from service.journal import Journal, Readings
from tests.service.engines import NAN, START, Item, alone, codes, column, frame, send
from tests.service.shared import replicas
from tests.service.test_engine_corrections import fixed


def kept(journal: Journal, name: str) -> list[float]:
    head = journal.head(name)
    assert head is not None
    return journal.readings(head.key, head.first_step, 10**6)[:, 0].tolist()


async def send_again(engine: Engine, *items: Item) -> tuple[list[Item], Answers]:
    """As a client does: what was moved on elsewhere, and takes a while to come here, is sent once more."""
    answers = await send(engine, *items)
    if "stale_session" not in codes(answers):
        return list(items), answers
    left = [item for item, code in zip(items, codes(answers), strict=True) if code]
    return left, await send(engine, *left)


def forecast_of(answers: Answers, at: int = -1) -> np.ndarray:
    return answers.quantiles[answers.rows[at]]


async def test_every_reading_may_come_to_another_one() -> None:
    async with replicas(3) as (engines, journal):
        await engines[0].create("a", START, column())
        for step in range(12):
            answers = await send(engines[step % 3], ("a", float(step), step))
            assert codes(answers) == [None]
            np.testing.assert_allclose(forecast_of(answers), alone(range(step + 1))[-1], rtol=1e-6)
        assert kept(journal, "a") == list(range(12))


async def test_a_retry_elsewhere_is_recognised() -> None:
    async with replicas(2) as ((one, two), journal):
        await one.create("a", START, column(0, 1))
        await two.session("a")
        await send(one, ("a", 2, 2), ("a", 3, 3))
        again = await send(two, ("a", 3, 3))
        assert (codes(again), again.repeated.tolist()) == ([None], [True])
        np.testing.assert_array_equal(forecast_of(again), alone(range(4))[-1])
        assert codes(await send(two, ("a", 2, 2))) == ["duplicate"]
        assert codes(await send(one, ("a", 9, 2))) == ["conflict"]
        await send(two, ("a", 4, 4))
        assert codes(await send(one, ("a", 8, 8))) == ["gap"]
        assert (await send(one, ("a", 8, 8))).errors[0].facts["expected_step"] == 5
        assert kept(journal, "a") == [0, 1, 2, 3, 4]


async def test_who_is_faster_by_a_moment_wins_and_the_other_is_judged_anew() -> None:
    async with replicas(2) as ((one, two), journal):
        await one.create("a", START, column(0))
        await one.create("b", START, column(0))
        for engine in (one, two):
            await send(engine, ("a", 0, 0), ("b", 0, 0))

        def faster(_: Readings) -> None:
            journal.before = lambda _: None
            head = journal.head("a")
            journal.held.append(Readings(*(np.array([each]) for each in (head.key, 1, 1)), np.array([[1.0]])))

        journal.before = faster
        answers = await send(one, ("b", 1, 1), ("a", 1, 1))
        assert (codes(answers), answers.repeated.tolist()) == ([None, None], [False, True])
        for at in range(2):
            np.testing.assert_array_equal(forecast_of(answers, at), alone([0, 1])[-1])

        def faster_still(_: Readings) -> None:
            journal.before = lambda _: None
            head = journal.head("a")
            journal.held.append(Readings(*(np.array([each]) for each in (head.key, 1, 2)), np.array([[77.0]])))

        journal.before = faster_still
        answers = await send(two, ("a", 2, 2), ("b", 2, 2))
        assert codes(answers) == ["conflict", None]
        assert (kept(journal, "a"), kept(journal, "b")) == ([0, 1, 77], [0, 1, 2])


async def test_a_reading_without_a_step_goes_behind_those_that_came_elsewhere() -> None:
    async with replicas(2) as ((one, two), journal):
        await one.create("a", START, column(0))
        await send(two, ("a", 0, 0))
        await send(one, ("a", 1), ("a", 2))
        answers = await send(two, ("a", 3))
        assert (codes(answers), answers.steps.tolist()) == ([None], [3])
        np.testing.assert_array_equal(forecast_of(answers), alone(range(4))[-1])
        assert kept(journal, "a") == [0, 1, 2, 3]


async def test_the_first_reading_of_a_session_is_taken_once() -> None:
    async with replicas(2) as ((one, two), journal):
        await one.create("a", None, column())
        await two.session("a")
        assert codes(await one.observe(frame(("a", 5, None, START)))) == [None]
        answers = await two.observe(frame(("a", 5, None, START), ("a", 6, 1)))
        assert (codes(answers), answers.repeated.tolist()) == ([None, None], [True, False])
        assert kept(journal, "a") == [5, 6]


async def test_after_a_failure_nothing_is_believed_that_another_past_may_have_undone() -> None:
    """As after a failover: a session's tail is gone, and another process has recorded other readings in its place."""
    async with replicas(2) as ((one, two), journal):
        await one.create("a", START, column(0, 1, 2))
        await one.create("b", START, column(0))
        await send(one, ("a", 3, 3), ("b", 1, 1))

        def failing(_: Readings) -> None:
            journal.before = lambda _: None
            head = journal.head("a")
            journal.held.revise(head.key, 1, 3, 2, np.array([[20.0], [30.0]]))
            journal.held._heads.revision[journal.held._heads.slot(head.key)] = 1  # a server that lost it cannot tell
            raise JournalError("the server is gone")

        journal.before = failing
        assert codes(await send(one, ("b", 2, 2))) == ["journal"]
        answers = await send(one, ("a", 4, 4))
        np.testing.assert_array_equal(forecast_of(answers), alone([0, 1, 20, 30, 4])[-1])
        assert kept(journal, "a") == [0, 1, 20, 30, 4]
        assert codes(await send(two, ("a", 5, 5))) == [None]


async def test_looks_see_what_came_elsewhere() -> None:
    async with replicas(2) as ((one, two), _):
        await one.create("a", START, column(0), regime=True)
        for engine in (one, two):
            await engine.peek("a")
        await send(one, ("a", 1), ("a", 2))
        view, forecast = await two.peek("a")
        assert view.last_step == 2
        np.testing.assert_array_equal(forecast, alone(range(3))[-1])
        assert (await two.session("a")).last_step == 2
        assert (await two.gates("a"))[0].last_step == 2
        assert (await two.regime("a"))[0].last_step == 2
        await one.delete("a")
        for ask in (two.peek, two.session, two.gates, two.delete):
            with pytest.raises(GatecastError, match="there is no session"):
                await ask("a")


async def test_what_is_changed_here_fences_who_stands_in_the_old_past() -> None:
    async with replicas(2) as ((one, two), journal):
        await one.create("a", START, column(*range(6)))
        await send(two, ("a", 5, 5))
        await one.changes.correct("a", fixed((2, 20)))
        answers = await send(two, ("a", 6, 6))
        np.testing.assert_array_equal(forecast_of(answers), alone([0, 1, 20, 3, 4, 5, 6])[-1])
        await two.changes.rewind("a", 3)
        answers = await send(one, ("a", 40, 4))
        np.testing.assert_array_equal(forecast_of(answers), alone([0, 1, 20, 3, 40])[-1])
        await one.create("a", START, column(7), replace=True)
        answers = await send(two, ("a", 8, 1))
        np.testing.assert_array_equal(forecast_of(answers), alone([7, 8])[-1])
        await two.delete("a")
        await two.create("a", START, column(9))
        answers = await send(one, ("a", 10, 1))
        np.testing.assert_array_equal(forecast_of(answers), alone([9, 10])[-1])
        assert kept(journal, "a") == [9, 10]


@pytest.mark.parametrize("made_anew", [True, False])
async def test_a_session_that_is_deleted_elsewhere_is_no_trouble_of_those_beside_it(made_anew: bool) -> None:
    async with replicas(2, max_resident=2) as ((one, two), _):
        for name in ("gone", "neighbour", "other"):
            await one.create(name, START, column(1.0, 2.0, 3.0))
        await send(one, ("neighbour", 4.0, 3), ("other", 4.0, 3))  # "gone" is not at hand any more
        await two.delete("gone")
        if made_anew:
            await two.create("gone", START, column())
        answers = await send(one, ("gone", 7.0, 0), ("neighbour", 5.0, 4))
        assert codes(answers) == [None if made_anew else "unknown_session", None]
        np.testing.assert_allclose(forecast_of(answers), alone([1, 2, 3, 4, 5])[-1], rtol=1e-6)


async def test_a_session_that_is_deleted_elsewhere_before_it_began_is_no_trouble_either() -> None:
    async with replicas(2) as ((one, two), journal):
        for name in ("gone", "begins"):
            await one.create(name, None, column())
        await two.delete("gone")
        answers = await send(one, ("gone", 1.0, None, START), ("begins", 1.0, None, START))
        assert codes(answers) == ["unknown_session", None]
        assert kept(journal, "begins") == [1.0]


async def test_two_who_create_a_session_at_once_make_one() -> None:
    async with replicas(2) as ((one, two), journal):
        made = await asyncio.gather(*(engine.create("a", START, column(1, 2)) for engine in (one, two)))
        assert sorted(view.created for view in made) == [False, True]
        with pytest.raises(SessionExists):
            await two.create("a", START, column(3))
        assert kept(journal, "a") == [1, 2]


async def test_no_state_is_replayed_further_than_from_where_it_stood_here() -> None:
    async with replicas(2) as ((one, two), _):
        await one.create("a", START, column(*range(200)))
        await two.create("b", START, column())
        for engine in (one, two):
            await send(engine, ("a", 199, 199))
        await send(one, *(("a", float(step), step) for step in range(200, 203)))
        watcher = two._around.observer
        replayed: list[int] = []
        watcher.rebuilt = lambda _, readings: replayed.append(readings)
        answers = await send(two, ("a", 203.0, 203))
        np.testing.assert_allclose(forecast_of(answers), alone(range(204))[-1], rtol=1e-6)
        assert replayed == [3]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_however_frames_and_changes_are_dealt_all_is_as_in_one_engine(data: st.DataObject) -> None:
    values = st.one_of(st.just(NAN), st.floats(-100, 100, width=32))
    names = ["a", "b", "c"]
    bounds = {"max_resident": data.draw(st.integers(2, 4)), "checkpoint_every": data.draw(st.integers(1, 9))}

    async def stream() -> None:
        async with replicas(3, **bounds) as (engines, journal):
            model: dict[str, list[float]] = {}
            for name in names:
                watched = data.draw(st.booleans())
                await data.draw(st.sampled_from(engines)).create(name, START, column(), regime=watched)
                model[name] = []
            for _ in range(data.draw(st.integers(1, 12))):
                engine = data.draw(st.sampled_from(engines))
                what = data.draw(st.sampled_from(["frame", "frame", "frame", "correct", "rewind", "retry"]))
                name = data.draw(st.sampled_from(names))
                rows = model[name]
                if what == "frame":
                    items = data.draw(
                        st.lists(st.tuples(st.sampled_from(names), values, st.booleans()), min_size=1, max_size=5)
                    )
                    sent = []
                    for other, value, keyed in items:
                        sent.append((other, value, len(model[other]) if keyed else None))
                        model[other].append(value)
                    sent, answers = await send_again(engine, *sent)
                    assert codes(answers) == [None] * len(sent)
                    for at, (other, _, _) in enumerate(sent):
                        if answers.rows[at] >= 0:
                            expected = alone(model[other])[-1]
                            np.testing.assert_allclose(forecast_of(answers, at), expected, rtol=1e-5, atol=1e-5)
                elif what == "retry" and rows:
                    _, answers = await send_again(engine, (name, rows[-1], len(rows) - 1))
                    assert answers.repeated.tolist() == [True]
                elif what == "correct" and rows:
                    step, value = data.draw(st.integers(0, len(rows) - 1)), data.draw(values)
                    await engine.changes.correct(name, fixed((step, value)))
                    rows[step] = value
                elif what == "rewind" and rows:
                    step = data.draw(st.integers(-1, len(rows) - 1))
                    await engine.changes.rewind(name, step)
                    del rows[step + 1 :]
            for name in names:
                assert np.array_equal(kept(journal, name), model[name], equal_nan=True)

    asyncio.run(stream())


async def test_frames_of_many_clients_at_once_are_each_taken_once() -> None:
    async with replicas(3) as (engines, journal):
        for at in range(5):
            await engines[0].create(f"s{at}", START, column())

        async def client(number: int) -> None:
            for step in range(40):
                engine = engines[(number + step) % 3]
                for _ in range(20):
                    answers = await send(engine, (f"s{number}", float(step), step))
                    if codes(answers) != ["stale_session"]:
                        break
                assert codes(answers) == [None], answers.errors
                np.testing.assert_allclose(forecast_of(answers), alone(range(step + 1))[-1], rtol=1e-5)

        await asyncio.gather(*(client(number) for number in range(5)))
        for at in range(5):
            assert kept(journal, f"s{at}") == list(range(40))
