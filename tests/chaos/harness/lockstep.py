"""A client that sends one frame at a time, of several sessions, and knows what it was told when it is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from websockets.sync.client import ClientConnection

from tests.chaos.harness.frame import as_sent, item_of
from tests.chaos.harness.meter import Meter


class Lockstep:
    """All meters together, so many readings of each in a frame."""

    def __init__(self, socket: ClientConnection, meters: Sequence[Meter], readings: int) -> None:
        self._socket = socket
        self._meters = meters
        self._readings = readings
        self._chance = random.Random(9)

    def frame(self) -> str | None:
        """The next readings of each; the code with which they were refused, all of them, or None."""
        readings = [reading for meter in self._meters for reading in meter.next(self._readings, self._chance)]
        sent = [{"session": each.meter.name, **as_sent(each, self._chance)} for each in readings]
        self._socket.send(json.dumps(sent))
        answers: list[dict[str, Any]] = json.loads(self._socket.recv(timeout=60))
        codes = {answer["error"]["code"] if "error" in answer else None for answer in answers}
        (code,) = codes  # a batch is recorded wholly or not at all
        if code is not None:
            return str(code)
        for reading, answer in zip(readings, answers, strict=True):
            reading.meter.take(reading, item_of(answer))
        return None
