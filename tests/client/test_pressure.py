"""A producer that is faster than the service is held: so much is on its way, and what is refused goes later."""

from __future__ import annotations

import asyncio
import tracemalloc
from array import array
from collections.abc import AsyncIterator

import pytest
from gatecast_client import GatecastClient, Reading, Retry, Stream

from tests.client.scripted import Fate, Hours, Scripted, scripted


@pytest.fixture
async def service() -> AsyncIterator[Scripted]:
    async with scripted() as running:
        yield running


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
async def client(service: Scripted, hours: Hours) -> AsyncIterator[GatecastClient]:
    retry = Retry(clock=hours, sleep=hours.sleep, random=lambda: 0.0)
    async with GatecastClient(service.url, retry=retry) as opened:
        yield opened


async def single(stream: Stream) -> None:
    await asyncio.gather(*(stream.observe("a", float(step), step=step) for step in range(100)))


async def many(stream: Stream) -> None:
    await stream.observe_many([Reading("a", float(step), step) for step in range(20_000)])


async def columns(stream: Stream) -> None:
    await stream.observe_columns(["a"] * 20_000, array("d", bytes(160_000)), range(20_000))


@pytest.mark.parametrize("way", [single, many, columns])
async def test_no_more_frames_are_on_their_way_than_the_stream_may_have(
    service: Scripted, client: GatecastClient, way
) -> None:
    service.fates.extend(["well"] * (way is columns) + ["silence"] * 1000)  # its handles are no frame of readings
    async with client.stream(frames_at_once=6) as stream:
        producer = asyncio.create_task(way(stream))
        while len(service.frames) < 6 + (way is columns):
            await asyncio.sleep(0.001)
        for _ in range(200):  # whatever would still come
            await asyncio.sleep(0)
        assert len(service.frames) == 6 + (way is columns)
        service.fates.clear()
        await service.stop()  # what was on its way goes again
        await service.start()
        await producer
    assert len(service.book.recorded["a"]) == (100 if way is single else 20_000)


async def test_a_producer_that_waits_for_its_calls_takes_no_more_memory_the_longer_it_sends(
    client: GatecastClient,
) -> None:
    names, y = [f"meter-{number}" for number in range(500)], array("d", [1.0]) * 500

    async def send(first: int, until: int) -> None:
        for step in range(first, until):
            observed = await stream.observe_columns(names, y, [step] * 500)
            assert not observed.errors

    small = GatecastClient(client.url, resend_readings=2_000)
    async with small, small.stream(every="none") as stream:
        await send(0, 20)
        tracemalloc.start(1)
        try:
            before = tracemalloc.take_snapshot()
            await send(20, 60)
            ours = [tracemalloc.Filter(True, "*/gatecast_client/*")]
            after = tracemalloc.take_snapshot().filter_traces(ours)
            grown = sum(each.size_diff for each in after.compare_to(before.filter_traces(ours), "filename"))
        finally:
            tracemalloc.stop()
    assert grown < 100_000  # 20,000 readings have passed


@pytest.mark.parametrize("code", ["overloaded", "rate_limited"])
async def test_columns_that_are_refused_for_now_go_again_when_the_service_said(
    service: Scripted, client: GatecastClient, hours: Hours, code: Fate
) -> None:
    async with client.stream() as stream:
        await stream.observe_columns(["a"], [1.0], [0])
        service.fates.extend([code, code])
        observed = await asyncio.gather(*(stream.observe_columns(["a"], [2.0], [step]) for step in (1, 2)))
    assert not any(each.errors for each in observed)
    assert service.book.recorded["a"] == [1.0, 2.0, 2.0]
    assert hours.slept == [1.0]  # once for both: nothing is sent before they may go again
