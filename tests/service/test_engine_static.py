"""Static features of sessions: kept with them, the same in a rebuild, and compared when a session is made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from service.engine import Observations
from service.errors import SessionExists
from service.journal import Journal, open_journal
from tests.service.engines import HOUR, START, running
from tests.service.knowing import WIDTH, expected, future, observe, runtime


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Journal]:
    if request.param == "memory":
        kept = open_journal("memory", WIDTH, "1h")
        return lambda: kept
    return lambda: open_journal(f"sqlite:{tmp_path / 'journal.sqlite'}", WIDTH, "1h", "process")


@pytest.mark.parametrize("chunk", [4, 256])
async def test_a_rebuild_by_replay_uses_the_static_features_of_the_session(
    reopen: Callable[[], Journal], chunk: int
) -> None:
    random = np.random.default_rng(1)
    statics = {"a": np.array([1.0, 2.0]), "b": np.array([np.nan, 40.0]), "unborn": np.array([7.0, 8.0])}
    values = {name: random.normal(size=(30, WIDTH)) for name in statics}
    async with running(runtime(), reopen()) as engine:
        for name, static in statics.items():
            start, history = (None, 0) if name == "unborn" else (START, 20)
            await engine.create(name, start, values[name][:history], static=static)
            for step in range(history, 29):
                times = np.array([START + step * HOUR])
                await engine.observe(Observations([name], np.array([step]), times, values[name][step : step + 1]))
    other = runtime(name="another")  # so that no checkpoint can be used
    async with running(other, reopen(), chunk=chunk) as engine:
        for name, static in statics.items():
            view = await engine.session(name)
            np.testing.assert_equal(dict(view.static), dict(zip(("area", "floor"), static.tolist(), strict=True)))
            answers = await observe(engine, (name, values[name][29], 29, future(1, 2, 3)))
            np.testing.assert_array_equal(
                answers.quantiles[0], expected(values[name], static, future(1, 2, 3), model=other)
            )


async def test_the_same_beginning_with_other_static_features_is_another_session(reopen: Callable[[], Journal]) -> None:
    history = np.ones((2, WIDTH))
    async with running(runtime(), reopen()) as engine:
        assert (await engine.create("a", START, history, static=np.array([1.0, 0.0]))).created
        again = await engine.create("a", START, history, static=np.array([1.0, -0.0]))
        assert (again.created, dict(again.static)) == (False, {"area": 1.0, "floor": 0.0})
    async with running(runtime(), reopen()) as engine:
        assert not (await engine.create("a", START, history, static=np.array([1.0, 0.0]))).created
        for other in (np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.array([1.0, np.nan]), None):
            with pytest.raises(SessionExists, match="another start, history, static features, regime or calibrate"):
                await engine.create("a", START, history, static=other)
        replaced = await engine.create("a", START, history, replace=True, static=np.array([1.0, 2.0]))
        assert (replaced.revision, dict(replaced.static)) == (2, {"area": 1.0, "floor": 2.0})


async def test_features_that_a_session_was_made_without_are_unknown_to_a_later_model(
    reopen: Callable[[], Journal],
) -> None:
    values = np.random.default_rng(2).normal(size=(4, WIDTH))
    async with running(runtime(static=("floor",)), reopen()) as engine:
        await engine.create("a", START, values[:3], static=np.array([9.0]))
    async with running(runtime(), reopen()) as engine:
        np.testing.assert_equal(dict((await engine.session("a")).static), {"area": np.nan, "floor": 9.0})
        answers = await observe(engine, ("a", values[3], 3, future(1)))
        np.testing.assert_array_equal(answers.quantiles[0], expected(values, np.array([np.nan, 9.0]), future(1)))
