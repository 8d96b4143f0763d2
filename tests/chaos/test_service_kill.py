"""A service that is killed while it starts has lost nothing; one that is told to end answers all that it took."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from service.bundle import Bundle
from tests.chaos.harness.findings import Findings
from tests.chaos.harness.population import Population
from tests.chaos.harness.stores import SqliteStore
from tests.chaos.harness.streaming import Streaming
from tests.chaos.harness.verification import verify
from tests.served import Served

METERS, CONNECTIONS, LENGTH = 9, 3, 10_000
BEGUN = 10  # frames that each connection has been answered
STARTS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)  # seconds: importing, opening the journal, warming up, folding what was left


class Load:
    """A service over SQLite with some connections that stream."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self.findings = Findings()
        self.store = SqliteStore(folder)
        self.served = Served(bundle.path, self.store.url, "--log-level", "warning")
        self.population = Population(self.served.url, LENGTH, self.store.durable, self.findings, seed=11)
        self.clients: list[Streaming] = []

    def begin(self) -> None:
        self.served.start()
        meters = [self.population.new() for _ in range(METERS)]
        for meter in meters:
            self.population.make(meter)
        for at in range(CONNECTIONS):
            self.clients.append(Streaming(self.served.stream, self.population, meters[at::CONNECTIONS], at))
            self.clients[-1].start()
        until = time.monotonic() + 60
        while any(client.answered < BEGUN for client in self.clients):
            assert time.monotonic() < until, "the load was to begin"
            time.sleep(0.005)

    def ended(self) -> None:
        for client in self.clients:
            client.ended()

    def held(self, bundle: Bundle) -> None:
        """What is recorded is what was acknowledged, and all forecasts are those of a run without a break."""
        with closing(self.store.open()) as journal:
            verify(bundle, [journal], self.population.all, self.findings)
        assert self.findings.all == []


@pytest.fixture
def load(bundle: Bundle, tmp_path: Path) -> Iterator[Load]:
    made = Load(bundle, tmp_path)
    yield made
    made.served.end()
    made.population.close()


def test_killed_while_it_starts_it_has_lost_nothing(load: Load, bundle: Bundle) -> None:
    load.begin()
    load.served.kill()
    load.ended()
    for seconds in STARTS:
        with suppress(AssertionError):  # it was not ready yet
            load.served.start(seconds)
        load.served.kill()
    load.served.start()
    for meter in load.population.all:
        load.population.place(meter)
        load.population.look(meter)
    assert load.served.end()[0] == 0
    load.held(bundle)


def test_told_to_end_under_load_it_answers_all_that_it_took_and_says_to_come_back(load: Load, bundle: Bundle) -> None:
    load.begin()
    with connect(load.served.stream) as idle:
        status, output = load.served.end(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            idle.recv(timeout=30)
        assert idle.close_code == 1012
    assert status == 0, output
    load.ended()
    assert [client.close_code for client in load.clients] == [1012] * CONNECTIONS
    assert not all(meter.done for meter in load.population.all), "it was to end under load"
    load.held(bundle)  # nothing is recorded that no client has heard of
