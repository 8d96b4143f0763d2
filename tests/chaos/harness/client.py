"""One client of the strict kind: a thread that knows of each reading whether it was answered before the kill."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence

import httpx
from websockets.exceptions import ConnectionClosed, InvalidMessage

from tests.chaos.harness.meter import Meter, Reading
from tests.chaos.harness.population import Population

SELDOM = 0.03  # chance, at each frame, that a session is made that is not there yet


class Client(threading.Thread, ABC):
    """Sends what its meters have until the service is gone, or it is told to stop."""

    def __init__(self, population: Population, meters: Sequence[Meter], seed: int) -> None:
        super().__init__(daemon=True)
        self.chance = random.Random(seed)
        self.meters = list(meters)
        self.stopped = threading.Event()
        self.fault: BaseException | None = None
        self.answered = 0  # frames
        self.waiting: deque[tuple[float, Sequence[Reading]]] = deque()  # not answered: when it was sent, what is in it
        self._population = population

    def run(self) -> None:
        try:
            self.stream()
        except (OSError, ConnectionClosed, httpx.TransportError):
            pass  # the service is gone
        except InvalidMessage as fault:
            if not isinstance(fault.__cause__, EOFError):  # else it is gone, in the middle of a handshake
                self.fault = fault
        except BaseException as fault:
            self.fault = fault

    @abstractmethod
    def stream(self) -> None:
        """Sends and takes answers; what stays in `waiting` was not answered."""

    def in_flight(self, moment: float) -> int:
        """Readings that were sent before this moment and never answered."""
        return sum(len(readings) for sent, readings in self.waiting if sent <= moment)

    def ended(self, seconds: float = 60.0) -> None:
        """Waits for its end; raises what it fell over."""
        self.join(seconds)
        assert not self.is_alive(), "a client waits for an answer that does not come"
        if self.fault is not None:
            raise self.fault

    def make_some(self) -> None:
        """At times a session that is not there yet; at once where there is no other."""
        unmade = [meter for meter in self.meters if not meter.made]
        if unmade and (self.chance.random() < SELDOM or len(unmade) == len(self.meters)):
            self._population.make(self.chance.choice(unmade))

    def renew(self) -> None:
        """Those that have sent all they had make room for new ones."""
        self.meters = [self._population.new() if meter.done else meter for meter in self.meters]

    def readings(self, most: int) -> list[Reading]:
        """Those of the next frame: one reading, one of each of several sessions, or many; none if there is nothing."""
        left = [meter for meter in self.meters if meter.left]
        if not left:
            return []
        kind = self.chance.choice(("one", "each", "many"))
        few = 1 if kind == "one" else min(len(left), self.chance.randint(1, 6))
        length = self.chance.randint(1, most) if kind == "many" else 1
        return [reading for meter in self.chance.sample(left, few) for reading in meter.next(length, self.chance)]

    def sent(self, readings: Sequence[Reading]) -> None:
        self.waiting.append((time.monotonic(), readings))
