"""What a stream promises, against a service that misbehaves on request."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from gatecast_client import Acknowledgement, ConnectionLost, GatecastClient, GatecastError, Reading, Retry, Stream

from tests.client.scripted import Fate, Hours, Scripted, scripted


@pytest.fixture
async def service() -> AsyncIterator[Scripted]:
    async with scripted() as running:
        yield running


@pytest.fixture
def hours() -> Hours:
    return Hours()


def retry(hours: Hours, patience: float = 60.0) -> Retry:
    return Retry(clock=hours, sleep=hours.sleep, random=lambda: 0.0, patience_seconds=patience)


@pytest.fixture
async def client(service: Scripted, hours: Hours) -> AsyncIterator[GatecastClient]:
    async with GatecastClient(service.url, retry=retry(hours)) as opened:
        yield opened


async def observe_all(stream: Stream, count: int, first: int = 0) -> list[Acknowledgement]:
    """All at once, as steps of session a."""
    return await asyncio.gather(*(stream.observe("a", step, step=step) for step in range(first, first + count)))


@pytest.mark.parametrize("form", ["msgpack", "json"])
async def test_a_reading_is_answered_with_its_step_and_forecast(
    service: Scripted, client: GatecastClient, form: str
) -> None:
    async with client.stream(horizon=1, quantiles=[0.1, 0.5], form=form) as stream:  # type: ignore[arg-type]
        answer = await stream.observe("a", 3.5, ds=datetime(2015, 1, 10, 0, 30), covariates={"rain": math.nan})
    assert (answer.session, answer.step, answer.durable, answer.repeated) == ("a", 0, "none", False)
    assert answer.forecast is not None
    assert (answer.forecast.start, answer.forecast.quantile(0.5)) == (1, [1.0])
    assert service.asked == ["/v1/stream?protocol=1&horizon=1&quantiles=0.1,0.5"]
    assert service.frames == [{"session": "a", "y": 3.5, "ds": "2015-01-10T00:30:00", "covariates": {"rain": None}}]


@pytest.mark.parametrize(
    "fate", ["lost", "answer lost", "overloaded", "rate_limited", "stale_session", "journal", "restart"]
)
@pytest.mark.parametrize("at", [0, 3, 9])
async def test_readings_with_steps_outlive_every_trouble(
    service: Scripted, client: GatecastClient, fate: Fate, at: int
) -> None:
    service.fates.extend(["well"] * at + [fate])
    async with client.stream() as stream:
        answers = await observe_all(stream, 10)
    assert [answer.step for answer in answers] == list(range(10))
    assert service.book.recorded["a"] == [float(step) for step in range(10)]


async def test_a_frame_of_many_is_sent_again_without_what_was_acknowledged(
    service: Scripted, client: GatecastClient
) -> None:
    service.book.recorded["b"] = [7.0]
    service.fates.append("answer lost")
    async with client.stream() as stream:
        outcomes = await stream.observe_many([Reading("a", 1.0, 0), Reading("a", 2.0, 1), Reading("b", 9.0, 0)])
    first, second, wrong = outcomes
    assert isinstance(first, Acknowledgement)
    assert isinstance(second, Acknowledgement)
    assert (first.forecast, first.repeated, second.repeated) == (None, True, True)
    assert second.forecast is not None
    assert isinstance(wrong, GatecastError)
    assert (wrong.code, wrong.facts["last_step"]) == ("conflict", 0)


async def test_a_thousand_readings_and_more_go_in_frames_of_1024(service: Scripted, client: GatecastClient) -> None:
    async with client.stream() as stream:
        outcomes = await stream.observe_many(Reading("a", None, step) for step in range(2500))
    assert [len(frame) for frame in service.frames] == [1024, 1024, 452]
    assert all(isinstance(outcome, Acknowledgement) for outcome in outcomes)


async def test_readings_without_step_or_ds_are_sent_once_and_their_loss_is_told(
    service: Scripted, client: GatecastClient
) -> None:
    service.fates.extend(["well", "answer lost"])
    async with client.stream() as stream:
        assert (await stream.observe("a", 1.0)).step == 0
        with pytest.raises(ConnectionLost):
            await stream.observe("a", 2.0)
        assert (await stream.observe("a", 3.0)).step == 2
    assert service.book.recorded["a"] == [1.0, 2.0, 3.0]


async def test_waits_between_attempts_double_and_heed_what_the_service_asks_for(
    service: Scripted, client: GatecastClient, hours: Hours
) -> None:
    service.fates.append("lost")
    service.doors.extend([200, 503, 502])
    async with client.stream() as stream:
        await stream.observe("a", 1.0, step=0)
        service.fates.append("overloaded")
        await stream.observe("a", 2.0, step=1)
    assert hours.slept == [0.1, 2.0, 2.0, 1.0]


async def test_patience_ends_with_an_error_for_every_reading_and_the_stream(service: Scripted, hours: Hours) -> None:
    async with GatecastClient(service.url, retry=retry(hours, patience=7.0)) as client, client.stream() as stream:
        await stream.observe("a", 0.0, step=0)
        service.fates.append("silence")
        waiting = [asyncio.create_task(stream.observe("a", step, step=step)) for step in (1, 2)]
        while len(service.frames) < 3:
            await asyncio.sleep(0.001)
        service.doors.extend([503] * 100)
        await service.stop()
        await service.start()
        for each in waiting:
            with pytest.raises(GatecastError):
                await each
        assert 7.0 <= hours.now < 15.0
        assert not stream.connected
        with pytest.raises(GatecastError, match="this stream ended with that, open another one"):
            await stream.observe("a", 3.0, step=3)


async def test_an_idle_stream_waits_for_ever(service: Scripted, hours: Hours) -> None:
    async with GatecastClient(service.url, retry=retry(hours, patience=7.0)) as client, client.stream() as stream:
        await stream.observe("a", 0.0, step=0)
        service.doors.extend([503] * 20)
        await service.stop()
        await service.start()
        while service.doors:
            await asyncio.sleep(0.001)
        assert hours.now > 7.0
        assert (await stream.observe("a", 1.0, step=1)).step == 1


@pytest.mark.parametrize(("fate", "code"), [("too large", "too_large"), ("nonsense", "unexpected_answer")])
async def test_what_would_only_happen_again_is_not_tried_again(
    service: Scripted, client: GatecastClient, fate: Fate, code: str
) -> None:
    service.fates.append(fate)
    async with client.stream() as stream:
        with pytest.raises(GatecastError) as told:
            await stream.observe("a", 1.0, step=0)
    assert told.value.code == code
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [422, 503])
async def test_a_stream_that_is_refused_says_why_at_once(
    service: Scripted, client: GatecastClient, status: int
) -> None:
    service.doors.append(status)
    with pytest.raises(GatecastError) as told:
        async with client.stream():
            pass
    assert (told.value.code, told.value.message, told.value.facts) == ("refused_here", "in words", {"limit": 3})
    assert told.value.status == status


async def test_nobody_there_is_an_error_at_once(service: Scripted, client: GatecastClient, hours: Hours) -> None:
    await service.stop()
    with pytest.raises(ConnectionLost):
        async with client.stream():
            pass
    assert hours.slept == []


async def test_leaving_the_block_waits_for_what_was_handed_over(service: Scripted, client: GatecastClient) -> None:
    service.fates.extend(["well", "lost"])
    async with client.stream() as stream:
        calls = [asyncio.create_task(stream.observe("a", step, step=step)) for step in range(3)]
        await asyncio.sleep(0)
    assert [(await call).step for call in calls] == [0, 1, 2]


async def test_a_call_that_is_cancelled_leaves_its_reading_on_its_way(
    service: Scripted, client: GatecastClient
) -> None:
    async with client.stream() as stream:
        call = asyncio.create_task(stream.observe("a", 1.0, step=0))
        await asyncio.sleep(0)
        call.cancel()
        assert (await stream.observe("a", 2.0, step=1)).step == 1
    assert service.book.recorded["a"] == [1.0, 2.0]


async def test_an_exception_in_the_block_ends_the_stream_without_waiting(
    service: Scripted, client: GatecastClient
) -> None:
    service.fates.append("silence")
    stream = client.stream()
    calls = []

    async def block() -> None:
        async with stream:
            calls.append(asyncio.create_task(stream.observe("a", 1.0, step=0)))
            await asyncio.sleep(0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await block()
    with pytest.raises(GatecastError, match="stream_closed"):
        await calls[0]


async def test_a_reading_that_has_no_form_on_the_wire_is_refused_before_it_is_sent(client: GatecastClient) -> None:
    async with client.stream() as stream:
        with pytest.raises(TypeError):
            await stream.observe_many([Reading(object(), 1.0)])  # type: ignore[arg-type]
        assert (await stream.observe("a", 1.0)).step == 0


def test_an_address_or_a_form_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="address"):
        GatecastClient("localhost:8000")
    with pytest.raises(ValueError, match="form"):
        GatecastClient().stream(form="xml")  # type: ignore[arg-type]


@pytest.mark.parametrize("fate", ["rate_limited", "journal", "stale_session"])
async def test_what_is_refused_for_a_moment_goes_again_in_its_order(
    service: Scripted, client: GatecastClient, hours: Hours, fate: Fate
) -> None:
    service.fates.extend(["well", fate, fate])
    async with client.stream() as stream:
        answers = await observe_all(stream, 6)
        service.fates.append(fate)
        observed = await stream.observe_columns(["a", "a"], [6.0, 7.0], [6, 7])
    assert [answer.step for answer in answers] == [*range(6)]
    assert (observed.steps.tolist(), observed.errors) == ([6, 7], {})
    assert service.book.recorded["a"] == [*map(float, range(8))]
    assert hours.slept[0] == 1.0  # as it said


async def test_what_a_failed_journal_had_recorded_after_all_is_acknowledged_as_repeated(
    service: Scripted, client: GatecastClient
) -> None:
    service.book.recorded["a"] = [0.0]
    service.fates.append("journal")
    async with client.stream() as stream:
        assert (await stream.observe("a", 0.0, step=0)).repeated


async def test_patience_with_a_session_that_others_move_on_has_an_end(service: Scripted, hours: Hours) -> None:
    async with GatecastClient(service.url, retry=retry(hours, patience=7.0)) as client, client.stream() as stream:
        service.fates.extend(["stale_session"] * 100)
        with pytest.raises(GatecastError, match="stale_session"):
            await stream.observe("a", 0.0, step=0)
    assert 7.0 <= hours.now < 12.0


async def test_a_reading_without_a_key_goes_again_where_another_moved_the_session_on(
    service: Scripted, client: GatecastClient
) -> None:
    service.fates.append("stale_session")
    async with client.stream() as stream:
        assert (await stream.observe("a", 1.0)).step == 0
        service.fates.append("overloaded")
        with pytest.raises(GatecastError, match="overloaded"):
            await stream.observe("a", 2.0)


@pytest.mark.parametrize("behind", ["well", "answer lost"])
async def test_a_reading_without_a_key_stays_out_where_a_later_one_may_be_recorded(
    service: Scripted, client: GatecastClient, behind: Fate
) -> None:
    service.fates.extend(["stale_session", behind])
    async with client.stream() as stream:
        calls = [stream.observe("a", 1.0), stream.observe("a", 2.0), stream.observe("b", 3.0)]
        first, second, other = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(first, GatecastError)
    assert first.code == "stale_session"
    assert isinstance(second, Acknowledgement if behind == "well" else ConnectionLost)
    assert isinstance(other, Acknowledgement if behind == "well" else ConnectionLost)
    assert service.book.recorded["a"] == [2.0]
