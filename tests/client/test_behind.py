"""A stream whose service loses what it had acknowledged: scripted at random, and for real from an old backup."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from math import nan
from pathlib import Path
from typing import Literal

import httpx
import pytest
from gatecast_client import GatecastClient, GatecastError, History, Observed, Reading, Retry, Stream
from gatecast_client.outbox import Outbox
from hypothesis import given, settings
from hypothesis import strategies as st

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.client.scripted import Fate, Hours, scripted

HASTY = Retry(first_seconds=0.002, most_seconds=0.05)
START = "2014-07-01T00:00:00"
FATES: list[Fate] = [
    "well", "well", "lost", "answer lost", "overloaded", "rate_limited", "stale_session", "journal", "restart", "late",
    "fallen",
]  # fmt: skip


class Producer:
    """Sends readings of sessions a and b in every way there is, several calls at once, and keeps the errors."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.sent = {"a": 0, "b": 0}
        self.errors: list[GatecastError] = []

    async def send(self, way: str, names: str) -> None:
        readings = []
        for name in names:
            readings.append(Reading(name, float(self.sent[name]), self.sent[name]))
            self.sent[name] += 1
        if way == "columns":
            steps = [reading.step or 0 for reading in readings]
            observed = await self._stream.observe_columns([*names], [float(step) for step in steps], steps)
            self.errors += observed.errors.values()
        elif way == "many":
            outcomes = await self._stream.observe_many(readings)
            self.errors += [outcome for outcome in outcomes if isinstance(outcome, GatecastError)]
        else:
            calls = [self._stream.observe(each.session, each.y, step=each.step) for each in readings]
            outcomes_ = await asyncio.gather(*calls, return_exceptions=True)
            self.errors += [outcome for outcome in outcomes_ if isinstance(outcome, GatecastError)]


CALLS = st.tuples(st.sampled_from(["columns", "many", "single"]), st.text("ab", min_size=1, max_size=4))


@given(
    calls=st.lists(CALLS, min_size=1, max_size=12),
    fates=st.lists(st.sampled_from(FATES), max_size=20),
    falls=st.integers(1, 6),
    held=st.sampled_from([8, 1000]),
)
@settings(max_examples=40, deadline=None)
def test_over_a_wire_the_journal_holds_all_in_the_end_or_the_caller_was_told(
    calls: list[tuple[str, str]], fates: list[Fate], falls: int, held: int
) -> None:
    async def story() -> None:
        hours = Hours()
        retry = Retry(clock=hours, sleep=hours.sleep, random=lambda: 0.0, patience_seconds=1e6)
        async with scripted() as server, GatecastClient(server.url, retry=retry, resend_readings=held) as client:
            server.falls = falls
            server.fates.extend(fates)
            async with client.stream(frames_at_once=4) as stream:
                producer = Producer(stream)
                on_their_way = []
                for call in calls:
                    on_their_way.append(asyncio.create_task(producer.send(*call)))
                    await asyncio.sleep(0)  # it begins, and
                    await asyncio.sleep(0)  # so do its single readings, before those of the next one
                await asyncio.gather(*on_their_way)
                server.fates.clear()
                await producer.send("single", "ab")  # what was lost last is noticed by the next reading
        assert {error.code for error in producer.errors} <= {"journal_behind"}
        assert held == 8 or not producer.errors
        for name, count in producer.sent.items():
            recorded = server.book.recorded[name]
            assert recorded == [*map(float, range(len(recorded)))]
            assert len(recorded) == count or name in {error.facts["session"] for error in producer.errors}

    asyncio.run(story())


BUNDLE = fake_bundle(covariates=["price"], future=["price"])
AHEAD = {"price": [1.0, 2.0, 3.0]}


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
    async with GatecastClient(service.url, retry=HASTY) as opened:
        yield opened


@pytest.mark.parametrize("form", ["msgpack", "json"])
async def test_only_what_the_producer_left_out_enters_as_missing_over_an_old_backup(
    service: LiveService, client: GatecastClient, tmp_path: Path, form: Literal["msgpack", "json"]
) -> None:
    await client.open_session("a", start=START)
    async with client.stream(form=form, gaps="missing") as stream:
        await observe(stream, "a", range(3))
        await back_up(service, tmp_path)
        await observe(stream, "a", range(3, 8))
        await restore(service, tmp_path)
        await observe(stream, "a", range(10, 12))
    await service.stop()
    there = service.recorded("a")[:, 0].tolist()
    assert str(there) == str([0.0, 0.5, 1.0, 1.5, nan, 2.5, 3.0, 3.5, nan, nan, 5.0, 5.5])


@pytest.mark.parametrize("columns", [False, True])
async def test_what_is_lost_while_a_gap_is_asked_about_is_corrected(
    service: LiveService, client: GatecastClient, monkeypatch: pytest.MonkeyPatch, columns: bool
) -> None:
    await client.open_session("a", start=START)
    price = {"price": 1.0}
    async with client.stream(gaps="missing", every="none") as stream:
        for step in range(6):
            await stream.observe("a", step / 2, step=step, covariates={"price": float(step)})
        again = Outbox.again

        def fall(outbox: Outbox) -> None:
            monkeypatch.undo()
            httpx.post(f"{service.url}/v1/sessions/a/rewind", json={"step": 2}).raise_for_status()
            again(outbox)

        monkeypatch.setattr(Outbox, "again", fall)
        if columns:
            known = {"price": [1.0]}
            observed = await stream.observe_columns(["a"], [4.0], [8], covariates=known)
            assert (observed.errors, observed.filled) == ({}, {0: 2})
        else:
            answer = await stream.observe("a", 4.0, step=8, covariates=price)
            assert (answer.filled, answer.repeated) == (2, True)
        assert (await stream.observe("a", 4.5, step=9, covariates=price)).filled == 0
    await service.stop()
    there = service.recorded("a")
    assert str(there[:, 0].tolist()) == str([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, nan, nan, 4.0, 4.5])
    assert str(there[:, 1].tolist()) == str([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, nan, nan, 1.0, 1.0])


async def observe(stream: Stream, session: str, steps: range) -> None:
    for step in steps:
        price = {"price": float(step % 5)}
        await stream.observe(session, None if step == 4 else step / 2, step=step, covariates=price, future=AHEAD)


async def back_up(service: LiveService, folder: Path) -> None:
    """A copy of the journal as it is; the service is started again."""
    await service.stop()
    (folder / "backup").mkdir()
    for part in folder.glob("journal.sqlite*"):
        shutil.copy(part, folder / "backup")
    await service.start()


async def restore(service: LiveService, folder: Path) -> None:
    """The copy is the journal again."""
    await service.stop()
    for part in folder.glob("journal.sqlite*"):
        part.unlink()
    for part in (folder / "backup").iterdir():
        shutil.copy(part, folder)
    await service.start()


@pytest.mark.parametrize("form", ["msgpack", "json"])
async def test_a_service_that_is_started_over_an_old_backup_is_sent_what_it_lacks(
    service: LiveService, client: GatecastClient, tmp_path: Path, form: str
) -> None:
    for name in ("a", "b"):
        await client.open_session(name, start=START)
    async with client.stream(form=form, gates="summary") as stream:  # type: ignore[arg-type]
        await observe(stream, "a", range(3))
        await back_up(service, tmp_path)
        await observe(stream, "a", range(3, 8))
        await observe(stream, "b", range(2))
        await restore(service, tmp_path)
        await observe(stream, "a", range(8, 10))
        await observe(stream, "b", range(2, 3))
    history = History(
        [None if step == 4 else step / 2 for step in range(10)], start=START, covariates={"price": PRICES}
    )
    await client.open_session("undisturbed", history=history)
    there = [await client.forecast(name, future=AHEAD) for name in ("a", "undisturbed")]
    assert there[0].forecast == there[1].forecast
    await service.stop()
    assert service.recorded("a")[:, 1].tolist() == PRICES
    assert service.recorded("b")[:, 0].tolist() == [0.0, 0.5, 1.0]


PRICES = [float(step % 5) for step in range(10)]


async def test_a_session_that_the_backup_does_not_know_is_told_and_mended_when_it_is_made_again(
    service: LiveService, client: GatecastClient, tmp_path: Path
) -> None:
    await back_up(service, tmp_path)
    await client.open_session("a")
    price = {"price": 1.0}
    async with client.stream() as stream:
        await stream.observe("a", 0.0, ds=START, covariates=price, future=AHEAD)
        await stream.observe("a", 1.0, step=1, covariates=price, future=AHEAD)
        await restore(service, tmp_path)
        with pytest.raises(GatecastError) as told:
            await stream.observe("a", 2.0, step=2, covariates=price, future=AHEAD)
        assert (told.value.code, told.value.facts["last_acknowledged_step"]) == ("journal_behind", 1)
        await client.open_session("a")  # its first reading says when it begins
        assert (await stream.observe("a", 2.0, step=2, covariates=price, future=AHEAD)).step == 2
        await client.delete_session("a")
        with pytest.raises(GatecastError, match="unknown_session"):
            await stream.observe("a", 3.0, step=3, covariates=price, future=AHEAD)


async def test_a_session_that_is_replaced_on_purpose_is_not_sent_its_old_readings(client: GatecastClient) -> None:
    await client.open_session("a", start=START)
    async with client.stream() as stream:
        await observe(stream, "a", range(6))
        await client.open_session("a", start=START, replace=True)
        with pytest.raises(GatecastError, match="gap"):
            await observe(stream, "a", range(6, 7))
        assert (await stream.resume("a")).next_step == 0


async def test_thousands_by_columns_are_mended_in_their_order() -> None:
    async with scripted() as server, GatecastClient(server.url, retry=HASTY) as other, other.stream() as stream:
        names = [f"meter-{number}" for number in range(300)]

        async def send(first: int, until: int) -> Observed:
            sessions = [name for _ in range(first, until) for name in names]
            steps = [step for step in range(first, until) for _ in names]
            return await stream.observe_columns(sessions, [float(step) for step in steps], steps)

        await send(0, 8)
        server.fates.extend(["well", "fallen", "well", "fallen"])
        observed = [await send(8, 16), await send(16, 17)]
    assert not any(each.errors for each in observed)
    assert all(server.book.recorded[name] == [*map(float, range(17))] for name in names)


async def test_each_of_several_workers_is_mended_by_itself() -> None:
    async with scripted() as first, scripted() as second:
        client = GatecastClient([first.url, second.url], retry=HASTY)
        names = [f"meter-{number}" for number in range(10)]
        async with client, client.stream() as stream:
            for step in range(6):
                for server in (first, second) if step == 4 else ():
                    server.fates.append("fallen")
                readings = [Reading(name, float(step), step) for name in names]
                outcomes = await stream.observe_many(readings)
                assert not any(isinstance(outcome, GatecastError) for outcome in outcomes)
    whole = {**first.book.recorded, **second.book.recorded}
    assert len(first.book.recorded)
    assert len(second.book.recorded)
    assert whole == {name: [*map(float, range(6))] for name in names}
