"""Readings by columns through the client: recorded once whatever breaks, and their forecasts as they are read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from gatecast_client import GatecastClient, GatecastError, Observed, Reading, Retry
from gatecast_client.column_frame import ColumnFrame
from gatecast_client.columns import counts, doubles
from gatecast_client.frame import Frame
from hypothesis import given, settings
from hypothesis import strategies as st

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.client.proxy import FlakyProxy
from tests.client.scripted import scripted
from tests.client.test_outbox import World

HASTY = Retry(first_seconds=0.002, most_seconds=0.05)
START = "2014-07-01T00:00:00"
FORMS = pytest.mark.parametrize("form", ["msgpack", "json"])


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[LiveService]:
    running = LiveService(fake_bundle(covariates=["rain"]), tmp_path / "journal.sqlite")
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def client(service: LiveService) -> AsyncIterator[GatecastClient]:
    async with GatecastClient(service.url, retry=HASTY) as opened:
        yield opened


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_whatever_goes_wrong_each_reading_by_columns_is_recorded_once_and_in_order(seed: int) -> None:
    async def story() -> None:
        luck = random.Random(seed)
        world = World(luck)
        sent = dict.fromkeys("abc", 0)
        observed: list[Observed] = []
        for _ in range(12):
            places = []
            for _ in range(luck.randint(1, 5)):
                name = luck.choice("abc")
                places.append((name, sent[name]))
                sent[name] += 1
            if luck.random() < 0.2:
                frame = Frame([Reading(name, float(step), step) for name, step in places], many=True)
                world.outbox.add(frame)
            else:
                names, steps = zip(*places, strict=True)
                observed.append(Observed(len(places)))
                columns = doubles("y", steps), counts(steps)
                world.outbox.add(
                    ColumnFrame(observed[-1], range(len(names)), names, *columns, {}, world.outbox.handles)
                )
            for _ in range(luck.randint(0, 10)):
                world.happen()
        world.calm()
        assert {name: world.book.recorded[name] for name in "abc"} == {
            name: [*map(float, range(count))] for name, count in sent.items()
        }
        for each in observed:
            assert not each.errors
            assert min(each.steps) >= 0
            for place, step in enumerate(each.steps):
                forecast = each.forecast(place)
                assert place in each.repeated or forecast is not None
                assert forecast is None or forecast.median == [float(step)]  # the book forecasts what it was told

    asyncio.run(story())


@FORMS
async def test_columns_are_answered_as_readings_are(client: GatecastClient, form) -> None:
    for name in ("a", "b", "c", "d"):
        await client.open_session(name, start=START)
    async with client.stream(form=form, quantiles=[0.9, 0.5], horizon=2) as stream:
        rain = {"rain": [0.0, None]}
        observed = await stream.observe_columns(["a", "b"], [5.0, None], [0, 0], covariates=rain)
        one = await stream.observe("c", 5.0, step=0, covariates={"rain": 0.0})
        two = await stream.observe("d", None, step=0, covariates={"rain": None})
        again = await stream.observe_columns(["a", "nobody"], [6.0, 1.0], [0, 0], covariates=rain)
    assert len(observed) == 2
    assert observed.steps.tolist() == [0, 0]
    assert observed.durable == one.durable == "process"
    for place, alone in enumerate((one, two)):
        forecast = observed.forecast(place)
        assert forecast is not None
        assert alone.forecast is not None
        assert list(forecast.quantiles) == ["0.9", "0.5"]
        for level in (0.9, 0.5):
            assert forecast.quantile(level) == pytest.approx(alone.forecast.quantile(level), rel=1e-7)
        assert forecast.median == pytest.approx(alone.forecast.median, rel=1e-7)
    if form == "json":
        assert observed.ds == {0: START, 1: START}
    else:
        assert observed.times == {0: 1_404_172_800, 1: 1_404_172_800}
    assert [again.errors[0].code, again.errors[1].code] == ["conflict", "unknown_session"]
    assert again.steps.tolist() == [-1, -1]
    assert again.forecast(0) is None


async def test_forecasts_are_views_that_numpy_takes_as_they_are(client: GatecastClient) -> None:
    await client.open_session("a", start=START)
    async with client.stream(quantiles=[0.1, 0.9]) as stream:
        values = np.arange(3.0), np.zeros(3, np.int64) + np.arange(3)
        observed = await stream.observe_columns(["a"] * 3, *values, covariates={"rain": np.zeros(3)})  # type: ignore[arg-type]
    (forecasts,) = observed.forecasts
    assert list(forecasts.places) == [2]
    whole = np.asarray(forecasts.origin)[:, None, None] + np.asarray(forecasts.differences)
    forecast = observed.forecast(2)
    assert forecast is not None
    assert whole[0, :, 1].tolist() == forecast.quantile(0.9)
    assert len(forecast.median) == 3


@FORMS
async def test_pure_ingest_has_no_forecasts(client: GatecastClient, form) -> None:
    await client.open_session("a", start=START)
    async with client.stream(form=form, every="none", quantiles=[]) as stream:
        observed = await stream.observe_columns(["a"], [1.0], [0], covariates={"rain": [1.0]})
        assert (observed.forecasts, observed.forecast(0)) == ([], None)
    async with client.stream(form=form, every=3, quantiles=[]) as stream:
        steps = [await stream.observe_columns(["a"], [1.0], [at], covariates={"rain": [1.0]}) for at in range(1, 4)]
        assert [each.forecast(0) is not None for each in steps] == [False, True, False]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ((["a"], [1.0], [0, 1]), "steps has 2, y has 1"),
        ((["a", "b"], [1.0], [0]), "sessions has 2, y has 1"),
        ((["a"], [1.0], [-1]), "from 0"),
        ((["a"], [1.0], [None]), "each reading needs its step"),
        ((["a"], ["x"], [0]), "numbers were expected"),
    ],
)
async def test_columns_that_cannot_be_sent_are_refused_here(client: GatecastClient, columns, said: str) -> None:
    async with client.stream() as stream:
        with pytest.raises(ValueError, match=said):
            await stream.observe_columns(*columns)


async def test_names_get_a_handle_once_a_connection() -> None:
    async with scripted() as server, GatecastClient(server.url, retry=HASTY) as client, client.stream() as stream:
        await stream.observe_columns(["a", "b", "a"], [1.0, 1.0, 2.0], [0, 0, 1])
        await stream.observe_columns(["b", "c"], [2.0, 1.0], [1, 0])
        server.fates.append("lost")
        await stream.observe_columns(["c"], [2.0], [1])
        await stream.observe_columns(["a"], [3.0], [2])
    asked = [frame["handles"] for frame in server.frames if "handles" in frame]
    assert asked == [["a", "b"], ["c"], ["c"], ["a"]]
    assert all(isinstance(frame["sessions"], bytes) for frame in server.frames if "sessions" in frame)
    assert server.book.recorded == {"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0], "c": [1.0, 2.0]}


async def test_a_service_with_too_many_handles_is_sent_names(tmp_path: Path) -> None:
    running = LiveService(fake_bundle(), tmp_path / "journal.sqlite", handles_per_stream=2)
    await running.start()
    try:
        async with GatecastClient(running.url, retry=HASTY) as client:
            for name in "abc":
                await client.open_session(name, start=START)
            async with client.stream() as stream:
                for step in range(4):
                    names = ["c", "a", "b"] if step == 2 else ["a", "b"]
                    steps = [0 if name == "c" else step for name in names]
                    observed = await stream.observe_columns(names, [1.0] * len(names), steps)
                    assert not observed.errors
    finally:
        await running.stop()


async def test_a_call_of_thousands_is_cut_into_frames() -> None:
    async with scripted() as server, GatecastClient(server.url, retry=HASTY) as client, client.stream() as stream:
        observed = await stream.observe_columns(["a"] * 2500, [float(at) for at in range(2500)], [*range(2500)])
    assert observed.steps.tolist() == [*range(2500)]
    assert [len(forecasts.places) for forecasts in observed.forecasts] == [1024, 1024, 452]
    last = observed.forecast(2499)
    assert last is not None
    assert last.median == [2499.0]


async def test_patience_ends_for_columns_too() -> None:
    impatient = Retry(first_seconds=0.001, most_seconds=0.001, patience_seconds=0.0)
    async with scripted() as server, GatecastClient(server.url, retry=impatient) as client, client.stream() as stream:
        server.fates.extend(["well", "overloaded", "overloaded", "overloaded"])
        server.doors.extend([503] * 5)
        observed = await stream.observe_columns(["a", "b"], [1.0, 1.0], [0, 0])
    assert {error.code for error in observed.errors.values()} == {"overloaded"}
    assert all(isinstance(error, GatecastError) for error in observed.errors.values())


@pytest.mark.parametrize("seed", range(2))
async def test_over_a_line_that_breaks_anywhere_every_column_is_recorded_once(
    service: LiveService, client: GatecastClient, seed: int
) -> None:
    luck = random.Random(seed)
    values = {name: [luck.gauss(50, 10) for _ in range(120)] for name in ("a", "b", "c")}
    for name in values:
        await client.open_session(name, start=START)
    proxy = FlakyProxy(service.port, luck, longest=9000)
    proxy.calm = True
    await proxy.start()
    far = GatecastClient(f"http://127.0.0.1:{proxy.port}", retry=HASTY)
    async with far, far.stream(form="json" if seed else "msgpack", frames_at_once=12) as stream:
        proxy.calm = False
        calls = []
        for step in range(0, 120, 2):
            names = [name for name in values for _ in range(2)]
            steps = [step, step + 1] * 3
            y = [values[name][at] for name, at in zip(names, steps, strict=True)]
            calls.append(asyncio.create_task(stream.observe_columns(names, y, steps, covariates={"rain": [0.0] * 6})))
            await asyncio.sleep(0)
        for observed in await asyncio.gather(*calls):
            assert not observed.errors
    await proxy.stop()
    assert proxy.cuts >= 3
    await service.stop()
    for name, each in values.items():
        assert service.recorded(name)[:, 0].tolist() == each
