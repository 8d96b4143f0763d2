"""A load that could go on for ever: sessions are made, stream, are asked, and are deleted; streams open and close."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence

from gatecast_client import Acknowledgement, GatecastClient, GatecastError, History, Reading
from gatecast_client.stream import Stream

from tests.chaos.harness.meter import iso
from tests.conftest import daily_wave

HISTORY, LIFE = 48, 400  # readings that a session is made with, and those that it streams before it goes
FRAME = 40  # readings of a call, at most
SESSIONS = 4  # that a caller has at a time


class ComingAndGoing(threading.Thread):
    """So many callers; between `pause` and `resume` none of them has a call on its way."""

    def __init__(self, urls: Sequence[str], callers: int) -> None:
        super().__init__(daemon=True)
        self._urls = list(urls)
        self._callers = callers
        self._wave = daily_wave(HISTORY + LIFE + FRAME).tolist()
        self._going = threading.Event()
        self._going.set()
        self._resting = 0
        self.stopped = threading.Event()
        self.readings = 0
        self.sessions = 0  # that have come and gone
        self.streams = 0  # connections, opened and closed
        self.failed: list[BaseException] = []

    def run(self) -> None:
        asyncio.run(self._call())

    def pause(self) -> None:
        """Returns when no call is on its way."""
        self._going.clear()
        while self._resting < self._callers and self.is_alive():
            self.stopped.wait(0.005)

    def resume(self) -> None:
        self._going.set()

    def end(self) -> None:
        self.stopped.set()
        self._going.set()
        self.join(60)
        assert not self.is_alive(), "a call of the client has not come back"

    async def _call(self) -> None:
        async with GatecastClient(self._urls) as client:
            callers = [self._live(client, number) for number in range(self._callers)]
            found = await asyncio.gather(*callers, return_exceptions=True)
        self.failed += [each for each in found if each is not None]

    async def _live(self, client: GatecastClient, number: int) -> None:
        chance = random.Random(number)
        try:
            for life in range(10**9):
                names = [f"{number}-{life}-{at}" for at in range(SESSIONS)]
                for name in names:
                    await client.open_session(name, history=History(self._wave[:HISTORY], start=iso(0)))
                async with client.stream(form=chance.choice(("msgpack", "json"))) as stream:
                    self.streams += 1
                    await self._stream(client, stream, names, chance)
                for name in names:
                    await client.delete_session(name)
                self.sessions += len(names)
                if self.stopped.is_set():
                    return
        finally:
            self._resting += 1  # whoever has fallen over rests

    async def _stream(self, client: GatecastClient, stream: Stream, names: list[str], chance: random.Random) -> None:
        step = HISTORY
        while step < HISTORY + LIFE and not self.stopped.is_set():
            if not self._going.is_set():
                await self._rest()
            stop = step + chance.randint(1, FRAME // SESSIONS)
            sent = [Reading(name, self._wave[at], at) for name in names for at in range(step, stop)]
            if chance.random() < 0.5:
                told = await stream.observe_many(sent)
                wrong = [each for each in told if not isinstance(each, Acknowledgement)]
            else:
                columns = [each.session for each in sent], [each.y for each in sent], [each.step for each in sent]
                wrong = list((await stream.observe_columns(*columns)).errors.values())
            if wrong:
                assert isinstance(wrong[0], GatecastError)
                raise wrong[0]
            await client.forecast(chance.choice(names))
            self.readings += len(sent)
            step = stop

    async def _rest(self) -> None:
        self._resting += 1
        while not self._going.is_set():
            await asyncio.sleep(0.005)
        self._resting -= 1
