"""The client without an event loop: the same calls with the same promises, from any thread."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gatecast_client import (
    Acknowledgement,
    ConnectionLost,
    GatecastClient,
    GatecastError,
    Reading,
    Retry,
    Series,
    Stream,
    SyncGatecastClient,
    SyncStream,
)

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.client.threaded import Threaded

HASTY = Retry(first_seconds=0.002, most_seconds=0.05)
START = "2014-07-01T00:00:00"
RAIN = {"rain": 0.0}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Threaded]:
    with Threaded(LiveService(fake_bundle(covariates=["rain"]), tmp_path / "journal.sqlite")) as running:
        yield running


@pytest.fixture
def client(service: Threaded) -> Iterator[SyncGatecastClient]:
    with SyncGatecastClient(service.url, retry=HASTY) as opened:
        yield opened


def public(kind: type) -> dict[str, Any]:
    own = [vars(each) for each in reversed(kind.__mro__) if each.__module__.startswith("gatecast_client")]
    found = {name: each for part in own for name, each in part.items()}
    return {name: each for name, each in found.items() if not name.startswith("_") or name == "__init__"}


@pytest.mark.parametrize(("asynchronous", "blocking"), [(GatecastClient, SyncGatecastClient), (Stream, SyncStream)])
def test_every_call_has_a_twin_with_the_same_parameters(asynchronous: type, blocking: type) -> None:
    theirs, ours = public(asynchronous), public(blocking)
    assert theirs.keys() == ours.keys()
    for name, method in theirs.items():
        if not inspect.isfunction(method):
            assert isinstance(method, property)
            assert isinstance(ours[name], property)
            continue
        if name == "__init__" and asynchronous is Stream:
            continue  # made by its client
        assert not inspect.iscoroutinefunction(ours[name])
        assert ours[name].__doc__, name
        there, here = inspect.signature(method), inspect.signature(ours[name])
        assert here.parameters == there.parameters, name
        assert str(here.return_annotation).replace("Sync", "") == str(there.return_annotation).replace("Async", ""), (
            name
        )


def test_requests_and_readings_are_answered(client: SyncGatecastClient) -> None:
    assert client.model().covariates == ["rain"]
    (forecast,) = client.predict(Series([1.0, 2.0], start=START, covariates={"rain": [0.0, 0.0]}), horizon=2)
    assert len(forecast.median) == 2
    session = client.open_session("a", start=START)
    with client.stream(gates="summary") as stream:
        assert stream.connected
        assert stream.observe(session, 5.0, step=0, covariates=RAIN).gates is not None
        outcomes = stream.observe_many(Reading("a", 6.0, step, covariates=RAIN) for step in (1, 2, 9))
    assert [type(each) for each in outcomes] == [Acknowledgement, Acknowledgement, GatecastError]
    with client.stream() as stream:
        observed = stream.observe_columns(["a", "a"], [7.0, None], [3, 4], covariates={"rain": [0.0, 0.0]})
        assert observed.steps.tolist() == [3, 4]
        assert stream.resume("a").next_step == 5
    assert client.session("a").last_step == client.forecast("a").step == client.gates("a").step == 4
    with pytest.raises(GatecastError, match="regime"):
        client.regime("a")
    client.delete_session("a")
    with pytest.raises(GatecastError, match="unknown_session"):
        client.session("a")


def test_a_stream_outlives_a_restart_of_the_service(service: Threaded, client: SyncGatecastClient) -> None:
    client.open_session("a", start=START)
    with client.stream() as stream:
        for step in range(20):
            if step % 8 == 7:
                service.restart()
            assert stream.observe("a", float(step), step=step, covariates=RAIN).step == step
    service.stop()
    assert service.live.recorded("a")[:, 0].tolist() == [*map(float, range(20))]


def test_many_threads_share_a_client_and_a_stream(service: Threaded, client: SyncGatecastClient) -> None:
    names = [f"meter-{number}" for number in range(8)]

    def produce(name: str) -> list[int]:
        client.open_session(name, start=START)
        return [stream.observe(name, float(step), step=step, covariates=RAIN).step for step in range(25)]

    with client.stream(frames_at_once=3) as stream, ThreadPoolExecutor(8) as pool:
        assert [*pool.map(produce, names)] == [[*range(25)]] * 8
    service.stop()
    assert all(len(service.live.recorded(name)) == 25 for name in names)


def test_an_exception_in_the_block_is_the_callers_and_ends_the_stream(client: SyncGatecastClient) -> None:
    stream = client.stream()

    def block() -> None:
        with stream:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    with pytest.raises(GatecastError, match="stream_closed"):
        stream.observe("a", 1.0, step=0)


def test_a_closed_client_says_so_to_those_who_wait_and_to_those_who_come(service: Threaded) -> None:
    before = threading.active_count()
    client = SyncGatecastClient(service.url, retry=HASTY)
    client.open_session("a", start=START)
    stream = client.stream()
    with ThreadPoolExecutor(1) as pool:
        with stream:
            service.stop()  # nobody answers
            waiting = pool.submit(stream.observe, "a", 1.0, step=0, covariates=RAIN)
            while not waiting.running() or stream.connected:
                threading.Event().wait(0.001)
            client.close()
            with pytest.raises(GatecastError, match=r"client_closed|stream_closed"):
                waiting.result()
        with pytest.raises(GatecastError, match="client_closed"):
            client.model()
    client.close()  # again does no harm
    assert threading.active_count() <= before


def test_nobody_at_the_address_is_told_with_the_address(service: Threaded) -> None:
    service.stop()
    with SyncGatecastClient(service.url) as client:
        with pytest.raises(ConnectionLost, match=rf"{service.url}.*tried once"):
            client.model()
        with pytest.raises(ConnectionLost, match=r"/v1/stream .*tried once"), client.stream():
            pass


def test_a_client_that_was_never_used_has_no_thread() -> None:
    before = threading.active_count()
    with SyncGatecastClient():
        assert threading.active_count() == before
