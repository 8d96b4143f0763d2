"""Redis is paused: not ready, every write is the error `journal`; when it goes on, so does the service, by itself."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import httpx
from websockets.sync.client import connect

from service.bundle import Bundle
from tests.chaos.harness.findings import Findings
from tests.chaos.harness.lockstep import Lockstep
from tests.chaos.harness.population import Population
from tests.chaos.harness.stores import RedisStore
from tests.chaos.harness.verification import verify
from tests.served import Served

METERS, LENGTH, FRAME = 6, 600, 10
TIMEOUT = 500  # milliseconds that an answer of Redis is waited for


def ready(served: Served) -> httpx.Response:
    return httpx.get(f"{served.url}/ready", timeout=10)


def until_ready(served: Served) -> None:
    until = time.monotonic() + 60
    while ready(served).status_code != 200:
        assert time.monotonic() < until, ready(served).text
        time.sleep(0.05)


def test_a_paused_redis_is_told_by_name_and_got_over(bundle: Bundle, tmp_path: Path) -> None:
    store = RedisStore(tmp_path)
    store.start()
    served = Served(bundle.path, f"{store.url}?timeout_ms={TIMEOUT}", "--log-level", "error")
    findings = Findings()
    population = Population(served.url, LENGTH, store.durable, findings, seed=9)
    meters = [population.new() for _ in range(METERS)]
    try:
        served.start()
        for meter in meters:
            population.make(meter)
        with connect(served.stream) as socket:
            stream = Lockstep(socket, meters, FRAME)
            for _ in range(2):
                assert stream.frame() is None
                store.server.pause()
                assert stream.frame() == "journal"
                not_ready = ready(served)
                assert not_ready.status_code == 503
                assert "Redis" in not_ready.json()["detail"]
                body = {"series": [{"unique_id": "a", "start": "2014-07-01T00:00:00", "y": [1.0, 2.0]}]}
                assert httpx.post(f"{served.url}/v1/predict", json=body, timeout=30).status_code == 200
                store.server.resume()
                until_ready(served)
                for meter in meters:
                    population.place(meter)  # what was on its way may have come through: it is asked, and never doubled
            for _ in range(3):
                assert stream.frame() is None
        for meter in meters:
            population.look(meter)
        status, output = served.end()
        assert status == 0, output
        with closing(store.open()) as journal:
            compared = verify(bundle, [journal], meters, findings)
    finally:
        served.end()
        store.stop()
        population.close()
    assert findings.all == []
    assert compared.states == METERS
