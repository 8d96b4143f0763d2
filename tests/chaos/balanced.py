"""Load on replicas behind a balancer, from outside their containers, until it is told to end, and a look at all.

    python -m tests.chaos.balanced URL FOLDER

Streams of the client library, and requests of which each is on a connection of its own, so that each goes to another
replica. FOLDER/progress has the calls and requests that were answered and those that were made again. After SIGTERM the
forecast of each session is held against that of its readings in one request, and FOLDER/sessions.json has what the
journal must have. Ends with 1 where a call failed, a reading was refused, or a forecast is another one.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from gatecast_client import GatecastClient, GatecastError, Retry, Series
from gatecast_client.stream import Stream

START = "2015-01-10T00:00:00"
STREAMED, POSTED = 8, 4  # sessions
MANY = 6  # readings of a call, at most
LATER = {"stale_session", "journal", "overloaded", "draining", "not_ready"}
PAUSE = 0.1
DEVIATION = 5_000.0  # of such a series, roughly
TOLERANCE = 1e-5  # of that and of the value


class Load:
    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.sent: dict[str, list[float]] = {}  # of each session, all acknowledged
        self.calls = self.requests = self.again = 0
        self.ending = asyncio.Event()

    def told(self) -> None:
        """Says how far it is, at once for whoever reads it."""
        part = self.folder / "progress.part"
        part.write_text(f"{self.calls} {self.requests} {self.again}\n")
        part.replace(self.folder / "progress")

    async def stream(self, client: GatecastClient, stream: Stream, name: str) -> None:
        """One session on a stream: no call may fail, whatever happens behind the balancer."""
        chance, values = random.Random(name), self.sent.setdefault(name, [])
        while not await self.made(lambda: client.open_session(name, start=START)):
            pass
        while not self.ending.is_set():
            new = [wave(chance, len(values) + at) for at in range(chance.randint(1, MANY))]
            steps = range(len(values), len(values) + len(new))
            observed = await stream.observe_columns([name] * len(new), new, steps)
            assert not observed.errors, observed.errors
            values += new
            self.calls += 1
            self.told()
            await asyncio.sleep(PAUSE * chance.random())

    async def post(self, http: httpx.AsyncClient, name: str) -> None:
        """One session by request."""
        chance, values = random.Random(name), self.sent.setdefault(name, [])
        path = f"/v1/sessions/{name}"
        while await self.asked(http, "PUT", path, {"start": START}) is None:
            pass
        while not self.ending.is_set():
            new = [wave(chance, len(values) + at) for at in range(chance.randint(1, MANY))]
            left = [{"step": len(values) + at, "y": value} for at, value in enumerate(new)]
            while left:
                items = await self.asked(http, "POST", f"{path}/observations", left)
                left = left if items is None else self.refused(left, items)
            values += new
            self.requests += 1
            self.told()
            await asyncio.sleep(PAUSE * chance.random())

    def refused(self, sent: list[dict[str, Any]], items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those from the first on that was refused for now; a reading that is there already is recorded."""
        for at, item in enumerate(items):
            code = item.get("error", {}).get("code", "duplicate")
            if code in LATER:
                self.again += 1
                return sent[at:]
            assert code == "duplicate", item
        return []

    async def asked(self, http: httpx.AsyncClient, method: str, path: str, body: object) -> Any:
        """The answer; None where it is to be asked again."""
        try:
            answer = await http.request(method, path, json=body)
        except httpx.TransportError:
            answer = None
        if answer is None or answer.status_code in (502, 503, 504):
            self.again += 1
            await asyncio.sleep(PAUSE)
            return None
        return answer.raise_for_status().json()

    async def made(self, call: Callable[[], Any]) -> bool:
        try:
            await call()
        except (GatecastError, httpx.HTTPError) as error:
            print("made again:", error, file=sys.stderr)
            await asyncio.sleep(PAUSE)
            return False
        return True

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.ending.set)
        retry = Retry(first_seconds=0.05, most_seconds=0.5, connect_seconds=60)
        alone = httpx.AsyncClient(base_url=self.url, timeout=30, headers={"Connection": "close"})
        client = GatecastClient(self.url, retry=retry)
        async with alone as http, client, client.stream() as one, client.stream(form="json") as other:
            await asyncio.gather(
                *(self.stream(client, (one, other)[at % 2], f"streamed {at}") for at in range(STREAMED)),
                *(self.post(http, f"posted {at}") for at in range(POSTED)),
            )
            worst = max([await self.deviation(client, name) for name in self.sent])
        (self.folder / "sessions.json").write_text(json.dumps(self.sent))
        readings = sum(map(len, self.sent.values()))
        print(
            f"{readings:,} readings of {len(self.sent)} sessions: {self.calls:,} calls of streams, none failed, ",
            end="",
        )
        print(f"{self.requests:,} requests, {self.again:,} of them made again")
        print(f"forecasts are those of a run without a break: worst deviation {worst:.2f} of what is allowed")
        assert worst <= 1

    async def deviation(self, client: GatecastClient, name: str) -> float:
        """Of the session's forecast from that of the same readings at once, of what is allowed."""
        stands = await client.session(name)
        assert stands.next_step == len(self.sent[name]), (name, stands.next_step, len(self.sent[name]))
        found = (await client.forecast(name)).forecast.median
        (expected,) = await client.predict(Series(self.sent[name], start=START))
        pairs = zip(found, expected.median, strict=True)
        return max(abs(a - b) / (TOLERANCE * (DEVIATION + abs(b))) for a, b in pairs)


def wave(chance: random.Random, step: int) -> float:
    """Taxi rides, about; no two alike."""
    return 15_000 + 8_000 * math.sin(2 * math.pi * step / 48) + chance.gauss(0, 500)


if __name__ == "__main__":
    asyncio.run(Load(sys.argv[1], Path(sys.argv[2])).run())
