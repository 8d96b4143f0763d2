"""A patient client by request: each request goes to another service, and what may be sent again, is."""

from __future__ import annotations

import random
import threading

import httpx

from tests.chaos.harness.frame import as_sent, item_of
from tests.chaos.harness.meter import Meter, Reading
from tests.chaos.harness.population import Population

MANY = 8  # readings of one request
WAIT = 0.05  # seconds until a request is made again
LATER = {"stale_session", "journal", "overloaded", "draining", "not_ready"}  # nothing wrong with the reading
PASSING = {502, 503, 504}


class Roving(threading.Thread):
    """One POST after the other, of readings of one session, each on a connection of its own."""

    def __init__(self, url: str, population: Population, meters: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._population = population
        self._chance = random.Random(seed)
        self._hand = [population.new() for _ in range(meters)]
        self.stopped = threading.Event()
        self.requests = 0
        self.again = 0  # requests, or parts of them, that had to be made again
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self._url, timeout=30, headers={"Connection": "close"}) as http:
                while not self.stopped.is_set():
                    self._one(http, self._chance.choice(self._hand))
        except BaseException as fault:
            self.fault = fault

    def ended(self, seconds: float = 60.0) -> None:
        """Lets it finish what it has begun; raises what it fell over."""
        self.stopped.set()
        self.join(seconds)
        assert not self.is_alive(), "a request has not come back"
        if self.fault is not None:
            raise self.fault

    def _one(self, http: httpx.Client, meter: Meter) -> None:
        if meter.done:
            self._hand[self._hand.index(meter)] = meter = self._population.new()
        if not meter.made:
            body = self._asked(http, "PUT", f"/v1/sessions/{meter.name}", meter.body)
            if body is not None:
                meter.begun(body)
            return
        left = meter.next(self._chance.randint(1, MANY), self._chance)
        while left:
            left = self._sent(http, meter, left)
        self.requests += 1

    def _sent(self, http: httpx.Client, meter: Meter, readings: list[Reading]) -> list[Reading]:
        """Those that must go again."""
        path = f"/v1/sessions/{meter.name}/observations"
        answer = self._asked(http, "POST", path, [as_sent(reading, self._chance) for reading in readings])
        if answer is None:
            return [reading._replace(again=True) for reading in readings]
        items = [item_of(each) for each in answer]
        assert len(items) == len(readings), answer
        for at, (reading, item) in enumerate(zip(readings, items, strict=True)):
            if item.error is not None and item.error.get("code") in LATER:
                self.again += 1
                self.stopped.wait(WAIT)
                return [reading._replace(again=True) for reading in readings[at:]]
            meter.take(reading, item)
        return []

    def _asked(self, http: httpx.Client, method: str, path: str, body: object) -> object:
        """The answer's body; None where nobody can tell what became of it, or it is to be asked again."""
        try:
            answer = http.request(method, path, json=body)
        except httpx.TransportError:
            answer = None
        if answer is None or answer.status_code in PASSING:
            self.again += 1
            self.stopped.wait(WAIT)
            return None
        return answer.raise_for_status().json()
