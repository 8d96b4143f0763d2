"""Three replicas over one Redis: one is killed, Redis is away, one comes, one goes, all under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bundle import Bundle
from tests.chaos.harness.balancer import Balancer
from tests.chaos.harness.load import Load, until
from tests.chaos.harness.roving import Roving
from tests.chaos.harness.stores import RedisStore
from tests.redis_server import require_redis
from tests.served import Served

REPLICAS, ROVERS = 3, 2
REQUESTS = 10  # that each rover has had answered between two events
TIMEOUT_MS = 400


class Traffic(Load):
    """Streams of the client library, and requests of which each goes to another replica."""

    def __init__(self, url: str) -> None:
        super().__init__([url], callers=3)
        self.rovers = [Roving(url, self.population, 2, seed) for seed in range(ROVERS)]
        for rover in self.rovers:
            rover.start()

    def goes_on(self) -> None:
        enough = [rover.requests + REQUESTS for rover in self.rovers]
        super().goes_on()
        for rover, count in zip(self.rovers, enough, strict=True):
            until(lambda rover=rover, count=count: rover.requests >= count or rover.fault is not None)

    def stop(self) -> None:
        for rover in self.rovers:
            rover.ended()
        super().stop()


@pytest.mark.timeout(300)
def test_replicas_come_and_go_and_every_session_is_right(bundle: Bundle, tmp_path: Path) -> None:
    require_redis()
    store = RedisStore(tmp_path)
    store.start()
    url = f"{store.url}?timeout_ms={TIMEOUT_MS}"
    replicas = [Served(bundle.path, url, "--log-level", "error") for _ in range(REPLICAS + 1)]
    running = replicas[:REPLICAS]
    try:
        for replica in running:
            replica.start()
        with Balancer([replica.port for replica in running]) as balancer:
            traffic = Traffic(balancer.url)
            try:
                traffic.goes_on()
                running[0].kill()
                traffic.goes_on()
                store.server.pause()
                until(lambda: not any(replica.answers(replica.url) for replica in running[1:]))
                store.server.resume()
                traffic.goes_on()
                replicas[REPLICAS].start()
                balancer.ports = [replica.port for replica in replicas[1:]]
                traffic.goes_on()
                status, output = running[1].end()
                assert status == 0, output
                traffic.goes_on()
                running[0].start()
                balancer.ports = [replica.port for replica in (replicas[0], *replicas[2:])]
                traffic.goes_on()
                traffic.stop()
                traffic.look()
            finally:
                traffic.end()
        for replica in (replicas[0], *replicas[2:]):
            status, output = replica.end()
            assert status == 0, output
        traffic.held(bundle, {store.url: None})
    finally:
        for replica in replicas:
            replica.kill()
        store.stop()
