"""A strict client by request: one POST after the other, each of one reading or of several of one session."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from tests.chaos.harness.client import Client
from tests.chaos.harness.frame import as_sent, item_of
from tests.chaos.harness.meter import Item, Meter, Reading
from tests.chaos.harness.population import Population

MANY = 8  # readings of one request


class Posting(Client):
    def __init__(self, url: str, population: Population, meters: Sequence[Meter], seed: int) -> None:
        super().__init__(population, meters, seed)
        self._url = url

    def stream(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as http:
            while not self.stopped.is_set():
                self.renew()
                self.make_some()
                left = [meter for meter in self.meters if meter.left]
                if left:
                    self._post(http, self.chance.choice(left).next(self.chance.randint(1, MANY), self.chance))

    def _post(self, http: httpx.Client, readings: list[Reading]) -> None:
        self.sent(readings)
        sent = [as_sent(reading, self.chance) for reading in readings]
        alone = len(sent) == 1 and self.chance.random() < 0.5
        answer = http.post(f"/v1/sessions/{readings[0].meter.name}/observations", json=sent[0] if alone else sent)
        self.waiting.popleft()
        for reading, item in zip(readings, _items(answer, alone), strict=True):
            reading.meter.take(reading, item)
        self.answered += 1


def _items(answer: httpx.Response, alone: bool) -> list[Item]:
    said = answer.json()
    if answer.status_code != 200:  # of one reading, or of the whole request, and then there are too few
        return [Item(said.get("step"), error=said)]
    return [item_of(each) for each in ([said] if alone else said)]
