"""An engine whose journal is a real Redis: what is asked again after a failure is answered, and nothing twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from service.engine import Engine
from service.errors import JournalError
from tests.redis_server import RedisServer, require_redis
from tests.redis_shared import opening, redis_url
from tests.service.engines import START, Clock, alone, codes, column, running, send, turn


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    require_redis()
    made = RedisServer(tmp_path / "redis")
    made.start()
    yield made
    made.kill()


async def came_round(engine: Engine) -> None:
    """Returns when the engine has probed what it is time to probe; the journal may refuse what it is asked for that."""
    for _ in range(2):
        with suppress(JournalError):
            await turn(engine)


async def test_an_engine_goes_on_where_another_one_stopped(tmp_path: Path) -> None:
    url = redis_url(tmp_path)
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    async with running(journal=opening(url, 1, "1h")) as engine:
        await engine.create("a", START, column(*values[:2]))
        assert codes(await send(engine, *(("a", value) for value in values[2:4]))) == [None, None]
        await engine.create("b", START, column())
        assert codes(await send(engine, ("b", 7.0))) == [None], "born with its first reading"
    async with running(journal=opening(url, 1, "1h")) as engine:
        answers = await send(engine, *(("a", value) for value in values[4:]))
        assert answers.steps.tolist() == [4, 5]
        np.testing.assert_array_equal(answers.quantiles[-1], alone(values)[-1])
        assert codes(await send(engine, ("b", 8.0, 1))) == [None]


async def test_a_server_that_dies_is_not_ready_until_it_is_back_and_no_reading_is_lost(server: RedisServer) -> None:
    clock = Clock()
    async with running(journal=opening(server.url, 1, "1h"), clock=clock) as engine:
        await engine.create("a", START, column(1.0))
        server.kill()
        assert codes(await send(engine, ("a", 2.0, 1))) == ["journal"]
        assert not engine.ready
        for now in (1.0, 3.0, 7.0):
            clock.now = now
            await came_round(engine)
            assert not engine.ready, "nobody is at hand to be saved, and still it is asked"
        server.start()
        clock.now = 15.0
        await came_round(engine)
        assert engine.ready
        answers = await send(engine, ("a", 2.0, 1), ("a", 3.0, 2))
        assert codes(answers) == [None, None]
        np.testing.assert_array_equal(answers.quantiles[-1], alone([1.0, 2.0, 3.0])[-1])


async def test_who_was_silent_during_a_failover_believes_nothing_that_it_has_undone(
    server: RedisServer, tmp_path: Path
) -> None:
    """The end is gone, and other readings of the same steps came instead: revision and last step are as they were."""
    async with running(journal=opening(server.url)) as one, running(journal=opening(server.url)) as other:
        await one.create("a", START, column(1.0, 2.0))
        server.stop()
        shutil.copytree(server.folder, tmp_path / "older")
        server.start()
        assert codes(await send(one, ("a", 3.0, 2))) == [None]
        assert (await other.peek("a"))[0].last_step == 2
        server.kill()
        shutil.rmtree(server.folder)
        shutil.copytree(tmp_path / "older", server.folder)
        server.start()
        assert codes(await send(one, ("a", 30.0, 2))) == [None]
        np.testing.assert_array_equal((await other.peek("a"))[1], alone([1.0, 2.0, 30.0])[-1])
        answers = await send(other, ("a", 4.0, 3))
        np.testing.assert_array_equal(answers.quantiles[-1], alone([1.0, 2.0, 30.0, 4.0])[-1])


async def test_a_reading_whose_answer_was_lost_is_found_when_it_is_sent_again(server: RedisServer) -> None:
    clock = Clock()
    async with running(journal=opening(f"{server.url}?timeout_ms=1000", 1, "1h"), clock=clock) as engine:
        await engine.create("a", START, column(1.0))
        server.pause()
        assert codes(await send(engine, ("a", 2.0, 1))) == ["journal"]
        server.resume()
        for _ in range(50):  # what was under way before may come first, or be refused as too late
            answers = await send(engine, ("a", 2.0, 1))
            if codes(answers) == [None]:
                break
            assert codes(answers) in (["journal"], ["stale_session"])
        assert answers.steps.tolist() == [1]
        answers = await send(engine, ("a", 3.0, 2))
        np.testing.assert_array_equal(answers.quantiles[-1], alone([1.0, 2.0, 3.0])[-1])
