"""Callers of `gatecast_client`, who live through every kill: none of their calls may fail."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence

from gatecast_client import Acknowledgement, GatecastClient, History, Retry
from gatecast_client import Reading as Sent
from gatecast_client.errors import GatecastError
from gatecast_client.stream import Stream

from tests.chaos.harness.frame import quantiles_of
from tests.chaos.harness.meter import Item, Meter, Reading, iso
from tests.chaos.harness.population import Population

PATIENT = Retry(first_seconds=0.02, most_seconds=0.2, patience_seconds=120.0, connect_seconds=120.0)
MANY = 8  # readings of one call
UNAVAILABLE = 503  # a replica that ends, or cannot reach its journal
WAIT = 0.05  # seconds until a session is made again


class Library(threading.Thread):
    """So many callers on two streams, one of each form, each with some sessions; their readings carry their steps."""

    def __init__(self, urls: Sequence[str], population: Population, callers: int, meters: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._urls = list(urls)
        self._population = population
        self._chances = [random.Random(seed + at) for at in range(callers)]
        self._hands = [[population.new() for _ in range(meters)] for _ in range(callers)]
        self.meters = [meter for hand in self._hands for meter in hand]  # all of theirs, those that are done too
        self.stopped = threading.Event()
        self.calls = 0
        self.failed: list[BaseException] = []

    def run(self) -> None:
        asyncio.run(self._call())

    def stop(self, seconds: float = 60.0) -> None:
        """Lets them finish what they have begun."""
        self.stopped.set()
        self.join(seconds)
        assert not self.is_alive(), "a call of the client has not come back"

    async def _call(self) -> None:
        async with (
            GatecastClient(self._urls, retry=PATIENT) as client,
            client.stream(form="msgpack") as packed,
            client.stream(form="json", frames_at_once=4) as text,
        ):
            callers = [
                self._live(client, (packed, text)[at % 2], hand, chance)
                for at, (hand, chance) in enumerate(zip(self._hands, self._chances, strict=True))
            ]
            self.failed += [each for each in await asyncio.gather(*callers, return_exceptions=True) if each is not None]

    async def _live(self, client: GatecastClient, stream: Stream, hand: list[Meter], chance: random.Random) -> None:
        while not self.stopped.is_set():
            at = chance.randrange(len(hand))
            if hand[at].done:
                hand[at] = self._population.new()
                self.meters.append(hand[at])
            meter = hand[at]
            if not meter.made:
                await self._make(client, meter)
            readings = meter.next(chance.randint(1, MANY), chance)
            way = chance.choice((self._each, self._list, self._columns))
            for reading, item in zip(readings, await way(stream, readings), strict=True):
                meter.take(reading._replace(again=True), item)  # the library sends again by itself
            self.calls += 1

    async def _make(self, client: GatecastClient, meter: Meter) -> None:
        history = History(meter.values[: meter.history].tolist(), start=iso(0)) if meter.history else None
        start = None if history else iso(0)  # what is sent here names its step alone
        while True:
            try:
                view = await client.open_session(meter.name, history=history, start=start)
            except GatecastError as error:  # a refusal is the caller's to repeat
                if error.status != UNAVAILABLE:
                    raise
                await asyncio.sleep(WAIT)
            else:
                break
        meter.begun({"next_step": view.next_step})
        self.calls += 1

    async def _each(self, stream: Stream, readings: list[Reading]) -> list[Item]:
        """Overlapping calls."""
        told = await asyncio.gather(*(stream.observe(each.meter.name, each.value, step=each.step) for each in readings))
        return [_item(each, readings[0].meter) for each in told]

    async def _list(self, stream: Stream, readings: list[Reading]) -> list[Item]:
        told = await stream.observe_many([Sent(each.meter.name, each.value, each.step) for each in readings])
        return [_item(each, readings[0].meter) for each in told]

    async def _columns(self, stream: Stream, readings: list[Reading]) -> list[Item]:
        names = [each.meter.name for each in readings]
        told = await stream.observe_columns(names, [each.value for each in readings], [each.step for each in readings])
        items = []
        for at, step in enumerate(told.steps):
            error, forecast = told.errors.get(at), told.forecast(at)
            items.append(
                Item(
                    step,
                    at in told.repeated,
                    readings[at].meter.durable,
                    None if error is None else {"code": error.code, **error.facts},
                    None if forecast is None else quantiles_of(forecast.quantiles),
                )
            )
        return items


def _item(outcome: Acknowledgement | GatecastError, meter: Meter) -> Item:
    """A reading that is known by its step alone to be recorded does not say what it survives."""
    if isinstance(outcome, GatecastError):
        return Item(None, error={"code": outcome.code, **outcome.facts})
    forecast = None if outcome.forecast is None else quantiles_of(outcome.forecast.quantiles)
    return Item(outcome.step, outcome.repeated, outcome.durable or meter.durable, None, forecast)
