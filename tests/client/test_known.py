"""The client and what is known: values ahead with readings and forecasts, static features with sessions and series."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from gatecast_client import Acknowledgement, GatecastClient, GatecastError, History, Reading, Retry, Series

from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.client.live import LiveService
from tests.client.scripted import scripted
from tests.conftest import HOUR, START

BUNDLE = fake_bundle(covariates=("price", "rain"), future=("price",), static=("area", "floor"))
AREA = {"area": 12.5, "floor": np.nan}
BEGINNING = History([1.0, 2.0], start="2014-07-01T00:00:00", covariates={"price": [5.0, 6.0], "rain": [0.0, None]})
NOW = {"price": 7.0, "rain": 1.0}
VALUES = [[1.0, 5.0, 0.0], [2.0, 6.0, np.nan], [3.0, 7.0, 1.0], [4.0, 7.0, 1.0]]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[LiveService]:
    running = LiveService(BUNDLE, tmp_path / "journal.sqlite")
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def client(service: LiveService) -> AsyncIterator[GatecastClient]:
    async with GatecastClient(service.url, retry=Retry(first_seconds=0.002, most_seconds=0.05)) as opened:
        yield opened


def median(readings: int, *prices: float) -> list[float]:
    """What the model answers to a session that is alone after so many of its readings."""
    values, ahead = np.array(VALUES[:readings]), np.array(prices).reshape(1, 3, 1)
    times = START + HOUR * np.arange(readings)
    forecast, _ = FakeRuntime(BUNDLE).sequence(
        values[None], times[None], np.array([readings]), BUNDLE.initial[None], ahead, np.array([[12.5, np.nan]])
    )
    return forecast[0, :, 1].tolist()


async def test_the_model_says_what_it_wants_to_know(client: GatecastClient) -> None:
    model = await client.model()
    assert (model.future, model.static) == (["price"], ["area", "floor"])


async def test_a_series_is_sent_with_both(client: GatecastClient) -> None:
    series = Series(
        BEGINNING.y,
        start=BEGINNING.start,
        covariates=BEGINNING.covariates,
        future={"price": np.array([1.0, np.nan, 3.0])},
        static=AREA,
    )
    (answer,) = await client.predict(series)
    assert answer.median == median(2, 1, np.nan, 3)


async def test_a_session_keeps_its_features_and_its_readings_carry_the_future(
    service: LiveService, client: GatecastClient
) -> None:
    session = await client.open_session("a", history=BEGINNING, static=AREA)
    assert session.static == {"area": 12.5, "floor": None}
    assert (await client.forecast("a", future={"price": [1, 2, 3]})).forecast.median == median(2, 1, 2, 3)
    one = await client.forecast(session, future={"price": [4]}, horizon=1, quantiles=[0.9])
    assert (one.forecast.median, list(one.forecast.quantiles)) == (median(2, 4, 0, 0)[:1], ["0.9"])
    async with client.stream() as stream:
        answer = await stream.observe(session, 3.0, step=2, covariates=NOW, future={"price": [None, 2, 3]})
        assert answer.forecast is not None
        assert answer.forecast.median == median(3, np.nan, 2, 3)
        await service.stop()
        await service.start()
        answer = await stream.observe(session, 4.0, step=3, covariates=NOW, future={"price": [1, 2, 3]})
        assert answer.forecast is not None
        assert answer.forecast.median == median(4, 1, 2, 3)
    with pytest.raises(GatecastError) as refused:
        await client.open_session("a", history=BEGINNING, static={"area": 1, "floor": None})
    assert refused.value.code == "session_exists"


async def test_what_was_forgotten_is_an_error_by_name(client: GatecastClient) -> None:
    with pytest.raises(GatecastError) as forgotten:
        await client.open_session("a", history=BEGINNING)
    assert (forgotten.value.code, forgotten.value.facts["missing"]) == ("missing_static", ["area", "floor"])
    await client.open_session("a", history=BEGINNING, static=AREA)
    async with client.stream() as stream:
        with pytest.raises(GatecastError) as forgotten:
            await stream.observe("a", 3.0, step=2, covariates=NOW)
    assert (forgotten.value.code, forgotten.value.facts["missing"]) == ("missing_future", ["price"])
    with pytest.raises(GatecastError) as forgotten:
        await client.forecast("a")
    assert forgotten.value.code == "missing_future"


async def test_of_many_readings_the_last_one_carries_the_future(client: GatecastClient) -> None:
    await client.open_session("a", history=BEGINNING, static=AREA)
    async with client.stream() as stream:
        first, last = await stream.observe_many(
            [Reading("a", 3.0, 2, None, NOW), Reading("a", 4.0, 3, None, NOW, {"price": [1, 2, 3]})]
        )
    assert isinstance(first, Acknowledgement)
    assert isinstance(last, Acknowledgement)
    assert first.forecast is None
    assert last.forecast is not None
    assert last.forecast.median == median(4, 1, 2, 3)


async def test_what_the_readme_shows_of_it_runs(tmp_path: Path) -> None:
    shop = LiveService(
        fake_bundle(covariates=("price",), future=("price",), static=("area",)), tmp_path / "readme.sqlite"
    )
    await shop.start()
    readme = (Path(__file__).parents[2] / "client" / "README.md").read_text()
    program = readme.partition("## What is known ahead")[2].partition("```python\n")[2].partition("```")[0]
    code = compile(program, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with GatecastClient(shop.url) as client, client.stream() as stream:
        await eval(code, {"client": client, "stream": stream, "Series": Series})
        assert (await client.session("shop")).last_step == 0
    await shop.stop()


async def test_a_reading_that_ends_a_frame_without_its_future_is_noticed_before_anything_is_sent() -> None:
    readings = [Reading("a", float(step), step) for step in range(1_500)]
    ahead = {"price": [1.0]}
    async with scripted() as server, GatecastClient(server.url) as client, client.stream() as stream:
        await stream.observe_many(readings[:1_100])  # of a model that knows nothing ahead
        sent = len(server.frames)
        readings[-1] = Reading("a", 1_499.0, 1_499, future=ahead)
        with pytest.raises(ValueError, match=r"frames of 1024.*give reading 1023 its `future` too"):
            await stream.observe_many(readings)
        assert len(server.frames) == sent
        readings[1_023] = Reading("a", 1_023.0, 1_023, future=ahead)
        outcomes = await stream.observe_many(readings)
    assert len(outcomes) == 1_500
    assert [len(frame) for frame in server.frames[sent:]] == [1_024, 476]
    assert server.frames[-1][-1]["future"] == {"price": [1.0]}
