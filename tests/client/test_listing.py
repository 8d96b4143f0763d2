"""The client lists sessions page by page, makes them with a time to live, and is told when it was over."""

from __future__ import annotations

import pytest
from gatecast_client import GatecastClient, GatecastError

from service.journal.memory import MemoryJournal
from tests.api.conftest import behind
from tests.service.retaining import Wall

START = "2015-01-10T00:00:00"


async def asked_until_it_is_over(client: GatecastClient, name: str) -> None:
    for _ in range(2_000):  # until the engine has come round to its housekeeping
        await client.session(name)


async def test_sessions_come_one_after_the_other_whatever_the_page() -> None:
    with behind() as running:
        async with GatecastClient(f"http://{running.address}") as client:
            for at in range(7):
                await client.open_session(f"s{at}", start=START)
            for page in (1, 3, 7, 100):
                assert [each.name async for each in client.sessions(page=page)] == [f"s{at}" for at in range(7)]
            assert [each.name async for each in client.sessions(prefix="s6")] == ["s6"]
            assert [each async for each in client.sessions(parent="s1")] == []
            assert [each async for each in client.sessions(idle_seconds=3_600)] == []


async def test_sessions_of_all_workers_are_listed() -> None:
    with behind({"workers": 2, "worker": 0}) as first, behind({"workers": 2, "worker": 1}) as second:
        urls = [f"http://{first.address}", f"http://{second.address}"]
        async with GatecastClient(urls) as client:
            made = {f"s{at}" for at in range(12)}
            for name in made:
                await client.open_session(name, start=START)
            listed = [each.name async for each in client.sessions(page=5)]
            assert sorted(listed) == sorted(made)
            assert listed != sorted(listed), "those of one worker after those of the other"


async def test_a_session_that_has_expired_is_an_error_and_is_listed_as_such() -> None:
    wall = Wall()
    with behind(journal=MemoryJournal(1, wall), wall=wall) as running:
        async with GatecastClient(f"http://{running.address}") as client:
            made = await client.open_session("a", start=START, ttl_seconds=60)
            assert (made.ttl_seconds, made.expired, made.first_step) == (60, False, 0)
            wall.now += 3_600
            with pytest.raises(GatecastError) as gone:
                await asked_until_it_is_over(client, "a")
            assert gone.value.code == "expired"
            (listed,) = [each async for each in client.sessions(expired=True)]
            assert (listed.name, listed.expired, listed.seen) == ("a", True, "2023-11-14T22:13:20Z")
            assert [each async for each in client.sessions(expired=False)] == []
