"""Clients that do not read, or stop in the middle, cost what is stated and no more, disturb nobody, and are cut off."""

from __future__ import annotations

import json
import select
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.sync.client import ClientConnection, connect

from bench.load.process import resident_bytes
from bench.load.sessions import write
from bench.load.websocket import Websocket
from service.api.allowance import size_of
from service.api.forecasts import Levels
from service.bundle import Bundle
from tests.chaos import wire
from tests.served import Served

SESSIONS = 4096  # as many as one frame may have readings: the largest answer
FEW = 64
LARGE, SMALL = ("a", "b", "c"), ("d", "e", "f")  # clients that never read, by the prefix of their sessions
WANTED = 12 * 2**20  # bytes that each of them has to send, more than any system takes for the other end
UNREAD_BYTES, FRAME_BYTES = 2 * 2**20, 2**18
NARROW = 4096  # bytes that the system takes for a client that does not read
ROUNDS = 100
UNDISTURBED = 5.0  # times the median round trip of a healthy client without the others; a queue would be hundreds
SLACK = 16 * 2**20  # what the allocator keeps, and what does not depend on who reads


Serve = Callable[..., Served]


@pytest.fixture
def serve(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a service with these settings."""
    journal = tmp_path / "journal.sqlite"
    service = Served(bundle.path, f"sqlite:{journal}", "--durable", "process", "--log-level", "warning")

    def start(**settings: float) -> Served:
        for name, value in settings.items():
            monkeypatch.setenv(f"GATECAST_{name.upper()}", str(value))
        service.start()
        return service

    sessions = {"healthy": 1} | dict.fromkeys(LARGE, SESSIONS) | dict.fromkeys(SMALL, FEW)
    write(journal, bundle.path, sessions)
    yield start
    service.end()


class Stuck:
    """A client that sends as long as it can and never reads; its end of the connection holds next to nothing."""

    def __init__(self, port: int, prefix: str, readings: int) -> None:
        names = [f"{prefix}{at}" for at in range(readings)]
        self._socket = _connected(port)
        self._socket.sendall(wire.handshake(port))
        sent, steps = bytearray(), count(1)
        while len(sent) < WANTED:
            step = next(steps)
            readings = [{"session": name, "step": step, "y": 1.0} for name in names]
            sent += wire.message(msgspec.msgpack.encode(readings))
        self._left = memoryview(sent)
        self._socket.setblocking(False)

    @property
    def done(self) -> bool:
        return not self._left

    def push(self) -> int:
        """Sends what the connection takes; how many bytes that was."""
        before = len(self._left)
        with suppress(BlockingIOError):
            while self._left:
                self._left = self._left[self._socket.send(self._left) :]
        return before - len(self._left)

    def close(self) -> None:
        self._socket.close()


def _connected(port: int) -> socket.socket:
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)  # before it connects, or it means nothing
    narrow.settimeout(10)
    narrow.connect(("127.0.0.1", port))
    return narrow


def _predict(port: int, requests: int) -> bytes:
    """So many requests for forecasts of a thousand series, one behind the other."""
    series = [{"unique_id": str(at), "start": "2024-01-01T00:00:00", "y": [1.0, 2.0]} for at in range(1024)]
    body = json.dumps({"series": series}).encode()
    head = f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    return (head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body) * requests


def _metric(served: Served, name: str) -> float:
    lines = httpx.get(f"{served.url}/metrics", timeout=10).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def _median_round_trip(healthy: ClientConnection, first: int) -> float:
    seconds = []
    for step in range(first, first + ROUNDS):
        began = time.perf_counter()
        healthy.send(json.dumps({"session": "healthy0", "step": step, "y": 1.0}))
        assert json.loads(healthy.recv(timeout=10))["step"] == step
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _speak(served: Served) -> None:
    """All sessions have spoken, in frames as large as they come: what that takes is taken before it is measured."""
    with connect(served.stream, max_size=None) as reader:
        for prefix in LARGE + SMALL:
            names = [f"{prefix}{at}" for at in range(SESSIONS if prefix in LARGE else FEW)]
            reader.send(msgspec.msgpack.encode([{"session": name, "step": 0, "y": 1.0} for name in names]))
            assert len(msgspec.msgpack.decode(reader.recv(timeout=20))) == len(names)


def _until_nothing_goes(served: Served, stuck: list[Stuck]) -> None:
    until, still = time.monotonic() + 15, 0
    frames = -1.0
    while still < 5:
        assert time.monotonic() < until, "the service goes on reading from clients that do not read"
        before, frames = frames, _metric(served, "gatecast_frames_total")
        still = still + 1 if sum(each.push() for each in stuck) == 0 and frames == before else 0
        time.sleep(0.05)


def test_clients_that_never_read_are_read_no_further_disturb_nobody_and_are_cut_off(
    bundle: Bundle, serve: Serve
) -> None:
    served = serve(unread_bytes=UNREAD_BYTES, unread_seconds=3.0, frame_bytes=FRAME_BYTES)
    _speak(served)
    manifest = bundle.manifest
    largest = size_of(SESSIONS, Levels(manifest.horizon, manifest.quantiles).all, 0)
    # Of each client: answers as far as they are allowed and the one that goes beyond, and two frames of its own.
    bound = len(LARGE + SMALL) * (UNREAD_BYTES + 2 * FRAME_BYTES) + len(LARGE) * largest + SLACK
    with ExitStack() as stack:
        healthy = stack.enter_context(connect(served.stream))
        alone = _median_round_trip(healthy, 0)
        before = resident_bytes(served.process)
        stuck = [Stuck(served.port, prefix, SESSIONS) for prefix in LARGE]
        stuck += [Stuck(served.port, prefix, FEW) for prefix in SMALL]
        for each in stuck:
            stack.callback(each.close)
        _until_nothing_goes(served, stuck)
        grown = resident_bytes(served.process) - before
        beside = _median_round_trip(healthy, ROUNDS)
        assert not any(each.done for each in stuck)
        assert grown < bound, f"{grown / 2**20:.0f} MiB, {bound / 2**20:.0f} MiB are allowed"
        assert beside < UNDISTURBED * alone, f"{beside * 1e3:.2f} ms beside them, {alone * 1e3:.2f} ms without"
        _until_streams(served, 1)
        assert _median_round_trip(healthy, 2 * ROUNDS) < UNDISTURBED * alone
    output = served.end()[1]
    assert output.count("its client does not read") == len(LARGE + SMALL), output


def test_a_client_that_stops_in_the_middle_of_a_frame_is_told_so_and_ended(serve: Serve) -> None:
    served = serve(ping_seconds=0.5)  # and three times that for an answer
    client = Websocket(served.port, "/v1/stream")
    client._socket.setblocking(True)
    client._socket.settimeout(10)
    client._socket.sendall(wire.message(bytes(1000))[:500])
    with pytest.raises(ConnectionError, match="keepalive ping timeout"):
        _read_without_answering(client)
    client.close()
    _until_streams(served, 0)


def test_an_answer_that_is_read_slowly_comes_whole_and_one_that_is_never_read_is_given_up(serve: Serve) -> None:
    served = serve(unread_seconds=1.0)
    with _connected(served.port) as never, _connected(served.port) as slow:
        never.setblocking(False)
        requests = memoryview(_predict(served.port, 40))
        with suppress(BlockingIOError):
            while requests:
                requests = requests[never.send(requests) :]
        slow.sendall(_predict(served.port, 1))
        head, _, body = slow.recv(NARROW).partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < size:
            time.sleep(0.001)
            body += slow.recv(2 * NARROW)
        assert len(json.loads(body)["series"]) == 1024
        ended = select.poll()
        ended.register(never, 0)  # its end alone is looked for: nothing is read
        assert ended.poll(10_000), "the connection was still open"
    output = served.end()[1]
    assert output.count("its client does not read") == 1, output


def _read_without_answering(client: Websocket) -> None:
    """Until the end, of which the reason is raised; no ping is answered."""
    while True:
        data = client._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection and said nothing")
        if data[0] & 0x0F == 0x8:
            raise ConnectionError(data[4:].decode())


def _until_streams(served: Served, count: int) -> None:
    until = time.monotonic() + 10
    while _metric(served, "gatecast_streams ") != count:
        assert time.monotonic() < until, "the stream was still open"
        time.sleep(0.05)
