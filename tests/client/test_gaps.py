"""A stream that asks for it has steps that were left out entered as missing, and is told how many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from gatecast_client import GatecastClient, GatecastError, Reading

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService

START = "2014-07-01T00:00:00"
FORMS = pytest.mark.parametrize("form", ["msgpack", "json"])


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[GatecastClient]:
    service = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await service.start()
    try:
        async with GatecastClient(service.url) as opened:
            yield opened
    finally:
        await service.stop()


@FORMS
async def test_readings_say_how_many_steps_entered_before_them(
    client: GatecastClient, form: Literal["msgpack", "json"]
) -> None:
    await client.open_session("a", start=START)
    async with client.stream(gaps="missing", form=form) as stream:
        first = await stream.observe("a", 1.0, step=0)
        later = await stream.observe("a", 2.0, ds="2014-07-01T05:00:00")
        many = await stream.observe_many([Reading("a", 3.0, 6), Reading("a", 4.0, 9)])
        again = await stream.observe("a", 4.0, step=9)
    assert (first.filled, later.step, later.filled) == (0, 5, 4)
    assert [each.filled for each in many if not isinstance(each, GatecastError)] == [0, 2]
    assert (again.repeated, again.filled) == (True, 0)
    assert (await client.session("a")).next_step == 10


@FORMS
async def test_columns_say_it_by_place(client: GatecastClient, form: Literal["msgpack", "json"]) -> None:
    for name in "ab":
        await client.open_session(name, start=START)
    async with client.stream(gaps="missing", form=form) as stream:
        observed = await stream.observe_columns(["a", "b", "a"], [1.0, 2.0, 3.0], steps=[0, 3, 2])
        plain = await stream.observe_columns(["a"], [4.0], steps=[3])
    assert observed.filled == {1: 3, 2: 1}
    assert (observed.errors, plain.filled) == ({}, {})


async def test_without_it_a_gap_is_an_error(client: GatecastClient) -> None:
    await client.open_session("a", start=START)
    async with client.stream() as stream:
        with pytest.raises(GatecastError) as refused:
            await stream.observe("a", 1.0, step=4)
    assert refused.value.code == "gap"
