"""The clock is set back by a year while sessions go on: nothing is refused, and nothing is different."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from service.bundle import Bundle
from tests.chaos.harness.findings import Findings
from tests.chaos.harness.population import Population
from tests.chaos.harness.stores import SqliteStore
from tests.chaos.harness.streaming import Streaming
from tests.chaos.harness.verification import verify
from tests.chaos.set_back import BACK
from tests.served import Served

METERS, LENGTH, TIMES = 9, 500, 3


def years_back(url: str) -> float:
    """How far the clock of the service is behind ours, by the Date of its answers."""
    answer = httpx.get(f"{url}/live")
    return (time.time() - parsedate_to_datetime(answer.headers["date"]).timestamp()) / BACK


def test_sessions_go_on_while_the_clock_is_set_back_again_and_again(bundle: Bundle, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    served = Served(bundle.path, store.url, "--log-level", "error", program=("tests.chaos.set_back",))
    served.start()
    findings = Findings()
    population = Population(served.url, LENGTH, store.durable, findings, seed=1)
    clients = [
        Streaming(served.stream, population, [population.new() for _ in range(METERS // 3)], seed) for seed in range(3)
    ]
    try:
        for client in clients:
            client.start()
        for times in range(1, TIMES + 1):
            enough = [client.answered + 20 for client in clients]
            while any(client.answered < count for client, count in zip(clients, enough, strict=True)):
                assert all(client.is_alive() for client in clients), findings.all
                time.sleep(0.005)
            os.kill(served.process, signal.SIGUSR1)
            until = time.monotonic() + 10
            while round(years_back(served.url)) < times:
                assert time.monotonic() < until, "the clock was to be set back"
                time.sleep(0.1)
            assert served.answers(served.url)
        for client in clients:
            client.stopped.set()
            client.ended()
            assert client.close_code is None, "it was closed by the service"
        status, output = served.end()
        assert status == 0, output
    finally:
        served.end()
        population.close()
    with closing(store.open()) as journal:
        compared = verify(bundle, [journal], population.all, findings)
    assert findings.all == []
    assert compared.forecasts > 0
