"""Corrections, going back, forks, files and erasure through the client, which blocks or not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from gatecast_client import GatecastClient, GatecastError, Reading, SyncGatecastClient

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.client.threaded import Threaded

START = "2015-01-10T00:00:00"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[SyncGatecastClient]:
    with (
        Threaded(LiveService(fake_bundle(), tmp_path / "journal.sqlite")) as running,
        SyncGatecastClient(running.url) as opened,
    ):
        opened.open_session("meter", start=START, history=[1, 2, None, 4])
        yield opened


def medians(client: SyncGatecastClient, *values: float | None) -> list[float]:
    """What a session of just these readings forecasts."""
    client.open_session("like", start=START, history=list(values), replace=True)
    return client.forecast("like").forecast.median


def test_readings_are_corrected_and_filled_in(client: SyncGatecastClient) -> None:
    revised = client.correct("meter", {2: 3.0, 4: 5.0})
    assert (revised.changed, revised.added, revised.filled, revised.last_step, revised.revision) == (1, 1, 0, 4, 2)
    assert client.forecast("meter").forecast.median == pytest.approx(medians(client, 1, 2, 3, 4, 5))
    late = [Reading("meter", 7.0, ds="2015-01-10T06:00:00"), Reading("meter", 10.0, step=0)]
    revised = client.correct(client.session("meter"), late, gaps="missing")
    assert (revised.changed, revised.added, revised.filled) == (1, 1, 1)
    assert client.forecast("meter").forecast.median == pytest.approx(medians(client, 10, 2, 3, 4, 5, None, 7))
    with pytest.raises(ValueError, match="one of 'other'"):
        client.correct("meter", [Reading("other", 1.0, 0)])
    with pytest.raises(GatecastError, match="gap"):
        client.correct("meter", {99: 1.0})


def test_a_stream_goes_on_from_where_a_session_was_taken_back_to(client: SyncGatecastClient) -> None:
    with client.stream() as stream:
        for step in (4, 5, 6):
            stream.observe("meter", float(step), step=step)
        assert client.rewind("meter", 4).last_step == 4
        answer = stream.observe("meter", 50.0, step=5)
    assert answer.forecast is not None
    assert answer.forecast.median == pytest.approx(medians(client, 1, 2, None, 4, 4, 50))


def test_a_fork_goes_its_own_way_and_ends_with_its_parent(client: SyncGatecastClient) -> None:
    fork = client.fork("meter", "what if", step=1)
    assert (fork.name, fork.last_step, client.fork("meter", "what if", step=1).revision) == ("what if", 1, 1)
    file = client.export_session("what if")
    assert client.import_session("elsewhere", file).last_step == 1
    assert [each.name for each in client.sessions(parent="meter")] == ["what if"]
    assert [each.name for each in client.sessions(page=1)] == ["elsewhere", "meter", "what if"]
    erased = client.erase("meter")
    assert sorted(erased.erased) == ["meter", "what if"]
    assert [each.sha256 for each in erased.exports] == [hashlib.sha256(file).hexdigest()]
    assert [each.name for each in client.sessions()] == ["elsewhere"]


async def test_the_same_without_a_thread(tmp_path: Path) -> None:
    running = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await running.start()
    try:
        async with GatecastClient(running.url) as client:
            await client.open_session("meter", start=START, history=[1, 2])
            assert (await client.correct("meter", {0: 5.0})).changed == 1
            assert (await client.rewind("meter", 0)).last_step == 0
            await client.fork("meter", "copy")
            file = await client.export_session("copy")
            assert (await client.import_session("copy", file, replace=True)).revision == 2
            assert sorted((await client.erase("meter")).erased) == ["meter"], "what was imported is a fork no more"
    finally:
        await running.stop()
