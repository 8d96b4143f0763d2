"""A service that is killed while it starts has lost nothing; one that is told to end answers all that it took."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from service.bundle import Bundle
from service.journal import open_journal
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.served import Served

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series + |b|)
SESSIONS = 9
CONNECTIONS = 3  # each with a third of the sessions, another third after every kill
LENGTH = 1_200  # more than a replay takes at once
IN_FLIGHT = 4  # frames that a client has on their way


def iso(step: int) -> str:
    return datetime.fromtimestamp(START + HOUR * step, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def as_json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@dataclass
class Meter:
    """A session as its client knows it: all its readings, what was acknowledged, and the forecasts it was given."""

    name: str
    values: np.ndarray  # (time,)
    acknowledged: int = -1  # the last step
    sent: int = -1
    forecasts: dict[int, np.ndarray] = field(default_factory=dict)  # (horizon, quantiles) by step

    def frame(self, chance: random.Random) -> list[dict[str, Any]]:
        """The next few readings; at times the one before them once more."""
        first = self.sent if chance.random() < 0.1 and self.sent >= 0 else self.sent + 1
        stop = min(first + chance.randint(1, 3), len(self.values))
        self.sent = max(self.sent, stop - 1)
        return [
            {
                "session": self.name,
                "y": as_json(self.values[step]),
                **({"ds": iso(step)} if step == 0 or chance.random() < 0.5 else {"step": step}),
            }
            for step in range(first, stop)
        ]

    def take(self, item: dict[str, Any]) -> None:
        """An acknowledgement: the next step, or the last one again."""
        assert "error" not in item, item
        assert item["durable"] == "disk"
        assert item["step"] == self.acknowledged + (0 if item.get("repeated") else 1), item
        self.acknowledged = item["step"]
        if "forecast" in item:
            quantiles = item["forecast"]["quantiles"]
            self.forecasts[item["step"]] = np.array([quantiles[level] for level in ("0.1", "0.5", "0.9")]).T


class Client(threading.Thread):
    """One connection that streams its meters until all is acknowledged, the connection breaks, or it is told to stop.

    With `endless` it goes on as long as the connection does.
    """

    def __init__(self, address: str, meters: list[Meter], seed: int) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._meters = {meter.name: meter for meter in meters}
        self._chance = random.Random(seed)
        self.fault: BaseException | None = None
        self.close_code: int | None = None
        self.unanswered = 0
        self.begun = threading.Event()

    def run(self) -> None:
        try:
            with connect(self._address, close_timeout=1) as socket:
                self._stream(socket)
                self.close_code = socket.close_code
        except (OSError, ConnectionClosed):
            pass  # the service was killed before the handshake was done
        except BaseException as fault:
            self.fault = fault

    def _stream(self, socket: ClientConnection) -> None:
        waiting: deque[int] = deque()  # readings of each frame on its way
        try:
            while True:
                readings = [] if len(waiting) >= IN_FLIGHT else self._next_frame()
                if readings:
                    as_text = self._chance.random() < 0.5
                    waiting.append(len(readings))
                    socket.send(json.dumps(readings) if as_text else msgspec.msgpack.encode(readings))
                elif waiting:
                    self._take(socket, waiting)
                else:
                    return
        except ConnectionClosed:
            with suppress(ConnectionClosed):
                while waiting:  # what had come before the end
                    self._take(socket, waiting)
            self.unanswered = len(waiting)

    def _next_frame(self) -> list[dict[str, Any]]:
        unfinished = [meter for meter in self._meters.values() if meter.sent < len(meter.values) - 1]
        some = self._chance.sample(unfinished, min(len(unfinished), self._chance.randint(1, 2)))
        return [reading for meter in some for reading in meter.frame(self._chance)]

    def _take(self, socket: ClientConnection, waiting: deque[int]) -> None:
        data = socket.recv(timeout=30)
        items = json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
        assert len(items) == waiting.popleft(), items
        for item in items:
            self._meters[item["session"]].take(item)
        self.begun.set()


@pytest.fixture
def meters() -> list[Meter]:
    chance = np.random.default_rng(11)
    waves = [daily_wave(LENGTH, seed=100 + number, level=10.0 ** (number % 4)) for number in range(SESSIONS)]
    for wave in waves:
        wave[chance.random(LENGTH) < 0.05] = np.nan
    return [Meter(f"meter {number}", wave) for number, wave in enumerate(waves)]


@pytest.fixture
def served(bundle: Bundle, tmp_path: Path) -> Iterator[Served]:
    service = Served(bundle.path, f"sqlite:{tmp_path / 'journal.sqlite'}", "--log-level", "warning")
    yield service
    service.end()


def begin(served: Served, meters: list[Meter]) -> None:
    """A third of the sessions with a history, a third with a start, a third with nothing."""
    with httpx.Client(base_url=served.url, timeout=30) as http:
        for number, meter in enumerate(meters):
            history = {"start": iso(0), "y": [as_json(value) for value in meter.values[: 20 * number]]}
            body = [{"history": history}, {"start": iso(0)}, {}][number % 3] if number else {}
            http.put(f"/v1/sessions/{meter.name}", json=body).raise_for_status()
            meter.acknowledged = meter.sent = 20 * number - 1 if "history" in body else -1


def find_places(served: Served, meters: list[Meter]) -> None:
    """After any break a client asks where its sessions stand; never behind what was acknowledged, never ahead of it."""
    with httpx.Client(base_url=served.url, timeout=30) as http:
        for meter in meters:
            place = http.get(f"/v1/sessions/{meter.name}").json()
            assert meter.acknowledged + 1 <= place["next_step"] <= meter.sent + 1, (meter.name, place)
            meter.acknowledged = meter.sent = place["next_step"] - 1


def clients(served: Served, meters: list[Meter], turn: int) -> list[Client]:
    """A connection for each third of the sessions, all streaming."""
    some = [Client(served.stream, meters[(turn + number) % CONNECTIONS :: CONNECTIONS], 10 * turn + number)
            for number in range(CONNECTIONS)]  # fmt: skip
    for client in some:
        client.start()
    return some


def ended(some: list[Client]) -> list[Client]:
    for client in some:
        client.join(60)
        assert not client.is_alive()
        if client.fault is not None:
            raise client.fault
    return some


def assert_recorded_once(journal: Path, meters: list[Meter]) -> None:
    """The journal has, of each session, exactly what was acknowledged: every reading, once and in order."""
    opened = open_journal(f"sqlite:{journal}", 1, "1h")
    try:
        for meter in meters:
            head = opened.head(meter.name)
            assert head is not None
            recorded = opened.readings(head.key, 0, 10**9)[:, 0]
            np.testing.assert_array_equal(recorded, meter.values[: meter.acknowledged + 1])
    finally:
        opened.close()


def assert_never_interrupted(bundle: Bundle, meters: list[Meter]) -> None:
    """Every forecast that was ever given is that of a run without a break."""
    runtime = open_runtime("onnx", bundle)
    values = np.stack([meter.values for meter in meters])  # (sessions, time)
    scale = np.nanstd(values, axis=1)
    state = runtime.states(np.tile(bundle.initial, (len(meters), 1)))
    for step in range(values.shape[1]):
        times = np.full(len(meters), START + HOUR * step)
        expected, state = runtime.step(values[:, step : step + 1], times, state)
        for row, meter in enumerate(meters):
            if step in meter.forecasts:
                bound = TOLERANCE * (scale[row] + np.abs(expected[row]))
                assert np.all(np.abs(meter.forecasts[step] - expected[row]) <= bound), (meter.name, step)


def test_killed_while_it_starts_it_has_lost_nothing(served: Served, meters: list[Meter], tmp_path: Path) -> None:
    served.start()
    begin(served, meters)
    some = clients(served, meters, 0)
    assert all(client.begun.wait(30) for client in some)
    served.kill()
    ended(some)
    for seconds in (0.1, 0.2, 0.3, 0.5, 0.8, 1.2):  # importing, opening the journal, warming up, folding what was left
        with suppress(AssertionError):  # it was not ready yet
            served.start(seconds)
        served.kill()
    served.start()
    find_places(served, meters)
    served.end()
    assert_recorded_once(tmp_path / "journal.sqlite", meters)


def test_told_to_end_under_load_it_answers_all_that_it_took_and_says_to_come_back(
    bundle: Bundle, served: Served, meters: list[Meter], tmp_path: Path
) -> None:
    served.start()
    begin(served, meters)
    some = clients(served, meters, 0)
    assert all(client.begun.wait(30) for client in some)
    with ExitStack() as stack:
        idle = stack.enter_context(connect(served.stream))
        status, output = served.end(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            idle.recv(timeout=10)
        assert idle.close_code == 1012
    assert status == 0, output
    assert [client.close_code for client in ended(some)] == [1012] * CONNECTIONS
    assert any(meter.acknowledged < LENGTH - 1 for meter in meters), "it was to end under load"
    # What was taken was answered: nothing is recorded that no client has heard of.
    assert_recorded_once(tmp_path / "journal.sqlite", meters)
    assert_never_interrupted(bundle, meters)
