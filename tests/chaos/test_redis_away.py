"""Redis is paused, killed or has lost its end while a service writes to it: what its clients see is known by name."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.bundle import Bundle
from tests.chaos.harness.load import Load, until
from tests.chaos.harness.stores import RedisStore
from tests.redis_server import RedisServer, require_redis
from tests.served import Served

TIMEOUT_MS = 300
LONG = 4_000  # readings of a session, more than it sends here


@contextmanager
def loaded(bundle: Bundle, store: RedisStore) -> Iterator[tuple[Served, Load]]:
    """A service over this store, under load; in the end all is as if nothing had happened."""
    require_redis()
    store.start()
    served = Served(bundle.path, f"{store.url}?timeout_ms={TIMEOUT_MS}", "--log-level", "error")
    try:
        served.start()
        load = Load(served.urls, store.durable, LONG)
        try:
            load.goes_on()
            yield served, load
            load.goes_on()
        finally:
            load.end()
        status, output = served.end()
        assert status == 0, output
        load.held(bundle, {store.url: None})
    finally:
        served.kill()
        store.stop()


def why_not_ready(served: Served) -> str:
    """The code that /ready has, and that of a write, when the journal is known to be away."""
    until(lambda: not served.answers(served.url))
    told = httpx.get(f"{served.url}/ready", timeout=5)
    assert told.status_code == 503
    written = httpx.put(f"{served.url}/v1/sessions/another", json={}, timeout=5)
    assert (written.status_code, written.json()["code"]) == (503, "journal")
    return str(told.json()["detail"])


@pytest.mark.timeout(300)
def test_redis_that_is_paused_or_killed_costs_the_clients_time_alone(bundle: Bundle, tmp_path: Path) -> None:
    store = RedisStore(tmp_path)
    with loaded(bundle, store) as (served, load):
        store.server.pause()
        try:
            assert "did not answer in time" in why_not_ready(served)
        finally:
            store.server.resume()
        until(lambda: served.answers(served.url))
        load.goes_on()
        store.server.kill()
        assert "can be reached" in why_not_ready(served)
        store.server.start()
        until(lambda: served.answers(served.url))


@pytest.mark.timeout(300)
def test_what_a_power_cut_takes_from_redis_is_noticed_and_sent_again(
    bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With appendfsync everysec the end of its file is not on the disk yet: here it is cut off."""
    store = RedisStore(tmp_path, "everysec")
    with loaded(bundle, store) as (served, load):
        until(lambda: all(meter.made and meter.acknowledged > 0 for meter in load.population.all))
        kept = file_of(store.server).stat().st_size
        load.goes_on()
        with caplog.at_level(logging.WARNING, "gatecast_client"):
            store.server.kill()
            os.truncate(file_of(store.server), (kept + file_of(store.server).stat().st_size) // 2)
            store.server.start()
            until(lambda: "is behind what it acknowledged" in caplog.text)
        until(lambda: served.answers(served.url))


def file_of(server: RedisServer) -> Path:
    """That which is written to."""
    (found,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    return found
