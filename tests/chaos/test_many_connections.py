"""10,000 connections opened and dropped: others are answered in time, and handles and memory are as before."""

from __future__ import annotations

import json
import random
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from bench.load.process import resident_bytes
from service.bundle import Bundle
from tests.chaos import wire
from tests.chaos.handles import until_level
from tests.served import Served

CONNECTIONS, TOGETHER = 10_000, 100
WARM = 1_000  # of them, until memory is measured first
GROWN = 32 * 2**20  # bytes: what waits for the collector of cycles, which seldom runs; it does not go on growing
SOON = 1.0  # seconds within which a healthy client is answered, at the median, on a busy machine too
STEPS = count()


@pytest.fixture
def served(bundle: Bundle, tmp_path: Path) -> Iterator[Served]:
    service = Served(
        bundle.path, f"sqlite:{tmp_path / 'journal.sqlite'}", "--log-level", "error", "--durable", "process"
    )
    service.start()
    yield service
    service.end()


def silent(port: int) -> socket.socket:
    return wire.connected(port)


def half_a_request(port: int) -> socket.socket:
    end = wire.connected(port)
    end.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
    return end


def half_a_handshake(port: int) -> socket.socket:
    end = wire.connected(port)
    end.sendall(wire.handshake(port)[:60])
    return end


def unread(port: int) -> socket.socket:
    end = wire.connected(port)
    end.sendall(b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return end


def stream(port: int) -> socket.socket:
    end = wire.connected(port)
    end.sendall(wire.handshake(port))
    return end


KINDS: tuple[Callable[[int], socket.socket], ...] = (silent, half_a_request, half_a_handshake, unread, stream)


def round_trip(healthy: ClientConnection) -> float:
    began = time.perf_counter()
    healthy.send(json.dumps({"session": "healthy", "step": next(STEPS), "y": 1.0}))
    assert "error" not in json.loads(healthy.recv(timeout=60))
    return time.perf_counter() - began


def open_and_drop(served: Served, connections: int, healthy: ClientConnection, chance: random.Random) -> list[float]:
    """In groups, of all kinds; how long a healthy client waited meanwhile, once for each group."""
    waits = []
    for _ in range(connections // TOGETHER):
        group = [chance.choice(KINDS)(served.port) for _ in range(TOGETHER)]
        waits.append(round_trip(healthy))
        for end in group:
            wire.cut(end) if chance.random() < 0.5 else end.close()
    return waits


def test_ten_thousand_connections_come_and_go_and_leave_nothing_behind(served: Served) -> None:
    chance = random.Random(8)
    httpx.put(f"{served.url}/v1/sessions/healthy", json={"start": "2014-07-01T00:00:00"}).raise_for_status()
    with connect(served.stream) as healthy:
        round_trip(healthy)
        level = until_level(served.process)
        waits = open_and_drop(served, WARM, healthy, chance)
        until_level(served.process, level)
        before = resident_bytes(served.process)
        waits += open_and_drop(served, CONNECTIONS - WARM, healthy, chance)
        until_level(served.process, level)
        grown = resident_bytes(served.process) - before
    assert statistics.median(waits) < SOON, f"{statistics.median(waits):.3f} s"
    assert grown < GROWN, f"{grown / 2**20:.1f} MiB"
    assert served.answers(served.url)
    status, output = served.end()
    assert status == 0, output
    assert "Traceback" not in output
