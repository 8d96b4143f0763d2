"""A strict client on a websocket: several frames on their way, answers held to the order in which they were sent."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.chaos.harness.client import Client
from tests.chaos.harness.frame import Frame
from tests.chaos.harness.meter import Meter
from tests.chaos.harness.population import Population

IN_FLIGHT = 4  # frames of one connection
MANY = 16  # readings of one session in one frame
OPTIONS = ("", "", "?every=3", "?every=none")


class Streaming(Client):
    """`close_code` is that with which the service closed its connection; None if it did not."""

    def __init__(self, address: str, population: Population, meters: Sequence[Meter], seed: int) -> None:
        super().__init__(population, meters, seed)
        self._address = address + random.Random(seed).choice(OPTIONS)
        self._frames: deque[Frame] = deque()
        self.close_code: int | None = None

    def stream(self) -> None:
        with connect(self._address, close_timeout=1, max_size=None) as socket:
            try:
                self._converse(socket, self._handles(socket))
            except ConnectionClosed:
                with suppress(ConnectionClosed):
                    while self._frames:  # what had come before the end
                        self._take(socket)
            self.close_code = socket.close_code

    def _converse(self, socket: ClientConnection, handles: dict[str, int]) -> None:
        while True:
            self.renew()
            if not self.stopped.is_set():
                self.make_some()
            full = self.stopped.is_set() or len(self._frames) >= IN_FLIGHT
            readings = [] if full else self.readings(MANY)
            if readings:
                frame = Frame.of(readings, self.chance)
                data = frame.encode(handles, self.chance)
                self._frames.append(frame)
                self.sent(readings)
                socket.send(data)
            elif self._frames:
                self._take(socket)
            elif self.stopped.is_set():
                return

    def _handles(self, socket: ClientConnection) -> dict[str, int]:
        """Of those sessions that there are; the others go by their names."""
        names = [meter.name for meter in self.meters if meter.made]
        socket.send(json.dumps({"handles": names}))
        first = json.loads(socket.recv(timeout=30))["handles"]["first"]
        return {name: first + at for at, name in enumerate(names)}

    def _take(self, socket: ClientConnection) -> None:
        items = self._frames[0].items(socket.recv(timeout=30))
        frame = self._frames.popleft()
        self.waiting.popleft()
        for reading, item in zip(frame.readings, items, strict=True):
            reading.meter.take(reading, item)
        self.answered += 1
