"""What a reading may hold: a number that is none is refused by name in every form, and never recorded as missing."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gatecast_client import GatecastClient, GatecastError, History, Reading, Series

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService

START = "2014-07-01T00:00:00"
FORMS = pytest.mark.parametrize("form", ["json", "msgpack"])


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[GatecastClient]:
    service = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await service.start()
    async with GatecastClient(service.url) as opened:
        yield opened
    await service.stop()


@FORMS
@pytest.mark.parametrize("beyond", [math.inf, -math.inf])
async def test_an_infinite_reading_is_refused_and_its_neighbours_are_not(
    client: GatecastClient, form: Any, beyond: float
) -> None:
    name = f"items {form} {beyond}"
    await client.open_session(name, start=START)
    async with client.stream(form=form) as stream:
        good, wrong = await stream.observe_many([Reading(name, 1.0, 0), Reading(name, beyond, 1)])
        assert not isinstance(good, GatecastError)
        assert isinstance(wrong, GatecastError)
        assert wrong.code == "invalid_value"
        observed = await stream.observe_columns([name] * 2, [2.0, beyond], [1, 2])
    assert {at: error.code for at, error in observed.errors.items()} == {1: "invalid_value"}
    assert (await client.session(name)).last_step == 1


async def test_an_infinite_number_in_a_request_is_refused(client: GatecastClient) -> None:
    await client.open_session("request", history=History([1.0, 2.0], start=START))
    asked = [
        client.open_session("history", history=History([1.0, math.inf], start=START)),
        client.predict(Series([1.0, -math.inf], start=START)),
        client.correct("request", {1: math.inf}),
    ]
    for each in asked:
        with pytest.raises(GatecastError) as refused:
            await each
        assert refused.value.code == "invalid_value"


@FORMS
async def test_a_fraction_is_no_step(client: GatecastClient, form: Any) -> None:
    await client.open_session("fraction", start=START)
    async with client.stream(form=form) as stream:
        with pytest.raises(TypeError, match="float"):
            await stream.observe("fraction", 1.0, step=0.5)  # type: ignore[arg-type]
    assert (await client.session("fraction")).last_step is None


async def test_columns_are_lists_or_arrays_and_what_came_of_them_is_said_in_short(client: GatecastClient) -> None:
    session = await client.open_session("columns", start=START)
    async with client.stream() as stream:
        lists = await stream.observe_columns([session, session], [1.0, None], [0, 1])
        arrays = await stream.observe_columns(["columns"] * 3, np.array([3.0, np.nan, 5.0]), np.array([2, 3, 9]))
    assert repr(lists) == "Observed(2 readings, durable='process')"
    assert repr(arrays) == "Observed(3 readings, 1 refused, durable='process')"
    assert (await client.session(session)).last_step == 3


async def test_a_session_is_named_by_its_name_or_by_itself_and_never_by_nothing(client: GatecastClient) -> None:
    made = await client.open_session("made", start=START)
    assert await client.session(made) == await client.session("made")
    await client.delete_session(made)
    for asked in (client.open_session(""), client.session(""), client.delete_session(""), client.erase("")):
        with pytest.raises(GatecastError, match="1 to 200 characters") as refused:
            await asked
        assert refused.value.code == "invalid_session"


async def test_a_closed_client_says_so() -> None:
    async with GatecastClient() as left:
        pass
    with pytest.raises(GatecastError) as refused:
        await left.model()
    assert refused.value.code == "client_closed"


async def test_a_time_is_text_or_a_moment_and_else_says_so(client: GatecastClient) -> None:
    opened = await client.open_session("times", history=[1.0, 2.0], start=datetime(2014, 7, 1))
    assert opened.last_ds == "2014-07-01T01:00:00"
    for wrong in (date(2014, 7, 1), np.datetime64("2014-07-01"), 1.5):
        with pytest.raises(TypeError, match=r"ISO 8601 text, a datetime or a whole number; got .*(2014|1\.5)"):
            await client.open_session("times", start=wrong)  # type: ignore[arg-type]
