"""The network is cut inside a frame: of that frame nothing is recorded, and nobody else notices."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.sync.client import connect

from service.bundle import Bundle
from tests.chaos import wire
from tests.chaos.handles import until_level
from tests.served import Served

READINGS = 40  # of a frame
CUTS = 60
LENGTHS = (1, 2, 3, 5, 6)  # bytes of a frame's head, and a few more: cut there too


@pytest.fixture
def served(bundle: Bundle, tmp_path: Path) -> Iterator[Served]:
    service = Served(bundle.path, f"sqlite:{tmp_path / 'journal.sqlite'}", "--log-level", "warning")
    service.start()
    yield service
    service.end()


def next_step(served: Served, name: str) -> int:
    step: int = httpx.get(f"{served.url}/v1/sessions/{name}").json()["next_step"]
    return step


def frame_of(first: int) -> bytes:
    return wire.message(
        msgspec.msgpack.encode(
            [{"session": "cut", "step": step, "y": float(step)} for step in range(first, first + READINGS)]
        )
    )


def test_what_was_cut_off_is_not_recorded_and_what_was_whole_is(served: Served) -> None:
    chance = random.Random(6)
    for name in ("cut", "other"):
        httpx.put(f"{served.url}/v1/sessions/{name}", json={"start": "2014-07-01T00:00:00"}).raise_for_status()
    end = wire.streaming(served.port)
    end.close()
    level = until_level(served.process)
    first = 0
    with connect(served.stream) as healthy:
        for turn in range(CUTS):
            frame = frame_of(first)
            length = LENGTHS[turn] if turn < len(LENGTHS) else chance.randrange(1, len(frame))
            whole = turn % 4 == 3  # a whole frame, and a second one cut
            sent = frame + frame_of(first + READINGS)[:length] if whole else frame[:length]
            end = wire.streaming(served.port)
            end.sendall(sent)
            if whole:
                assert end.recv(10), "the whole one is answered"
            wire.cut(end) if chance.random() < 0.5 else end.close()
            healthy.send(json.dumps({"session": "other", "step": turn, "y": 1.0}))
            assert json.loads(healthy.recv(timeout=20))["step"] == turn
            first += READINGS if whole else 0
            assert next_step(served, "cut") == first
    until_level(served.process, level)
    until = time.monotonic() + 20
    while "gatecast_streams 0.0" not in httpx.get(f"{served.url}/metrics").text:
        assert time.monotonic() < until, "a stream was still counted"
        time.sleep(0.05)
    status, output = served.end()
    assert status == 0, output
    assert "Traceback" not in output
