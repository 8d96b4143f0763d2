"""All sessions of a campaign: new ones come while it goes on, old ones are kept to be looked at in the end."""

from __future__ import annotations

import random
import threading

import httpx
import numpy as np

from tests.chaos.harness.findings import Findings
from tests.chaos.harness.frame import quantiles_of
from tests.chaos.harness.meter import Meter
from tests.conftest import daily_wave

MISSING = 0.05  # share of readings that have no value


class Population:
    """Makes meters: a third with a history, a third with a start, a third with nothing."""

    def __init__(self, url: str, length: int, durable: str, findings: Findings, seed: int) -> None:
        self.all: list[Meter] = []
        self._length = length
        self._durable = durable
        self._findings = findings
        self._chance = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._http = httpx.Client(base_url=url, timeout=30)

    def new(self) -> Meter:
        """One that the service does not know yet."""
        with self._lock:
            number = len(self.all)
            values = daily_wave(self._length, seed=100 + number, level=10.0 ** (number % 4))
            values[self._chance.random(self._length) < MISSING] = np.nan
            history = int(self._chance.integers(1, 300)) if number % 3 == 0 else 0
            meter = Meter(f"meter {number}", values, history, number % 3 == 1, self._durable, self._findings)
            self.all.append(meter)
        return meter

    def make(self, meter: Meter) -> None:
        """By request, which may be sent again; httpx.TransportError where nobody answers."""
        answer = self._http.put(f"/v1/sessions/{meter.name}", json=meter.body)
        meter.begun(answer.raise_for_status().json())

    def place(self, meter: Meter) -> None:
        """Asks where it stands after a break."""
        meter.placed(self._http.get(f"/v1/sessions/{meter.name}").raise_for_status().json())

    def look(self, meter: Meter) -> None:
        """Asks for its forecast from where it stands, without a reading; one that has none yet is told so."""
        answer = self._http.get(f"/v1/sessions/{meter.name}/forecast")
        body = answer.json()
        if meter.acknowledged < 0 and body.get("code") == "no_readings":
            return
        answer.raise_for_status()
        meter.given.append((body["step"], quantiles_of(body["forecast"]["quantiles"])))

    def deal(self, some: list[Meter], hands: int, chance: random.Random) -> list[list[Meter]]:
        """To so many clients, at random."""
        shuffled = chance.sample(some, len(some))
        return [shuffled[at::hands] for at in range(hands)]

    def close(self) -> None:
        self._http.close()
