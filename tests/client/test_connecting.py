"""How long a client tries where nobody answers yet, what it says then, and how a producer finds its place again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gatecast_client import ConnectionLost, GatecastClient, GatecastError, Retry, Series

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.client.scripted import Hours, Scripted, scripted

START = "2014-07-01T00:00:00"


@pytest.fixture
async def service() -> AsyncIterator[Scripted]:
    async with scripted() as running:
        yield running


def waiting(hours: Hours, seconds: float) -> Retry:
    return Retry(clock=hours, sleep=hours.sleep, random=lambda: 0.0, connect_seconds=seconds)


async def test_a_stream_waits_for_a_service_that_starts_as_long_as_it_is_told(service: Scripted) -> None:
    await service.stop()
    hours = Hours()

    async def sleep(seconds: float) -> None:
        await hours.sleep(seconds)
        if len(hours.slept) == 4:
            await service.start()

    retry = Retry(clock=hours, sleep=sleep, random=lambda: 0.0, connect_seconds=10.0)
    async with GatecastClient(service.url, retry=retry) as client, client.stream() as stream:
        assert (await stream.observe("a", 1.0, step=0)).step == 0
    assert hours.slept == [0.1, 0.2, 0.4, 0.8]


async def test_nobody_in_all_that_time_is_told_with_address_attempts_and_seconds(service: Scripted) -> None:
    await service.stop()
    for asked in ("stream", "request"):
        hours = Hours()
        async with GatecastClient(service.url, retry=waiting(hours, 7.0)) as client:
            opening = client.stream().__aenter__() if asked == "stream" else client.model()
            with pytest.raises(ConnectionLost) as told:
                await opening
        assert 7.0 <= hours.now < 12.0
        assert service.url.partition("//")[2] in told.value.message
        assert f"tried {len(hours.slept) + 1} times in {hours.now:.1f} s" in told.value.message
        assert told.value.facts["attempts"] == len(hours.slept) + 1
        assert "connect_seconds" in told.value.message


async def test_a_service_that_is_not_ready_yet_is_asked_again_when_it_said(service: Scripted) -> None:
    hours = Hours()
    service.doors.extend([503, 503])
    async with GatecastClient(service.url, retry=waiting(hours, 10.0)) as client, client.stream() as stream:
        assert stream.connected
    assert hours.slept == [2.0, 2.0]


async def test_what_a_service_refuses_for_good_is_not_asked_again(service: Scripted) -> None:
    hours = Hours()
    service.doors.append(422)
    async with GatecastClient(service.url, retry=waiting(hours, 10.0)) as client:
        with pytest.raises(GatecastError, match="refused_here"):
            async with client.stream():
                pass
    assert (hours.slept, len(service.asked)) == ([], 1)


async def test_a_lost_stream_says_in_the_end_how_often_it_tried(service: Scripted) -> None:
    hours = Hours()
    retry = Retry(clock=hours, sleep=hours.sleep, random=lambda: 0.0, patience_seconds=3.0)
    async with GatecastClient(service.url, retry=retry) as client, client.stream() as stream:
        service.fates.append("silence")
        call = asyncio.create_task(stream.observe("a", 0.0, step=0))
        while not service.frames:
            await asyncio.sleep(0.001)
        await service.stop()
        with pytest.raises(ConnectionLost, match=r"/v1/stream .*; tried \d+ times in 3\.\d s"):
            await call


async def test_a_producer_that_begins_again_asks_where_it_stands_even_while_the_service_is_away(tmp_path: Path) -> None:
    live = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await live.start()
    try:
        hasty = Retry(first_seconds=0.002, most_seconds=0.05)
        async with GatecastClient(live.url, retry=hasty) as first, first.stream() as stream:
            await first.open_session("a", start=START)
            for step in range(5):
                await stream.observe("a", float(step), step=step)
        async with GatecastClient(live.url, retry=hasty) as second, second.stream() as stream:
            await live.stop()
            asked = asyncio.create_task(stream.resume("a"))
            await live.start()
            stands = await asked
            assert (stands.next_step, stands.last_ds) == (5, "2014-07-01T04:00:00")
            assert (await stream.observe(stands, 5.0, step=stands.next_step)).step == 5
            with pytest.raises(GatecastError, match="unknown_session"):
                await stream.resume("b")
    finally:
        await live.stop()


async def test_requests_that_only_ask_and_those_that_open_sessions_live_through_restarts(tmp_path: Path) -> None:
    live = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await live.start()
    restarted = asyncio.Event()

    async def call(client: GatecastClient, caller: int) -> int:
        count = 0
        while not restarted.is_set():
            name = f"{caller}-{count}"
            await client.open_session(name, start=START)
            assert (await client.session(name)).next_step == 0
            await client.predict(Series([1.0, 2.0], start=START))
            count += 1
        return count

    try:
        async with GatecastClient(live.url, retry=Retry(first_seconds=0.002, most_seconds=0.05)) as client:
            await client.model()
            callers = [asyncio.create_task(call(client, caller)) for caller in range(3)]
            for _ in range(3):
                asked = (await client.model()).name
                await live.stop()
                await live.start()
            restarted.set()
            assert all([await each for each in callers])
            assert asked == (await client.model()).name
    finally:
        await live.stop()
