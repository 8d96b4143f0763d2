"""The process that loads a service through the client library, as a user's program would: what it costs there.

    python -m bench.load.client_library < errand.json

The counterpart of the generator, which does no more than it must.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import msgspec
from gatecast_client import GatecastClient, GatecastError, Reading, Stream, SyncGatecastClient
from gatecast_client.window import RESEND_READINGS

from bench.load.names import names
from bench.load.wave import reading

_GRACE = 60.0
_HORIZON, _LEVELS = 24, (0.1, 0.5, 0.9)

Way = Literal["columns", "many", "single", "blocking"]


class Errand(msgspec.Struct, kw_only=True, frozen=True):
    """By columns, as many readings, one at a time, or one at a time without an event loop. `calls` overlap, each of
    `readings` sessions of its own, which advance together.
    """

    port: int
    way: Way
    prefix: str
    readings: int = 1
    calls: int = 1
    seconds: float = 4.0
    warm_up: float = 1.0
    resend_readings: int = RESEND_READINGS


class Found(msgspec.Struct, kw_only=True, frozen=True):
    """What came of it within the time that counts."""

    seconds: float
    readings: int
    cpu: float  # seconds of this process, all of its threads
    latencies: list[float]  # of calls, seconds

    @property
    def micros(self) -> float:
        """Processor time for a reading, in microseconds."""
        return self.cpu / self.readings * 1e6


class Tally:
    """Counts from the end of the warm-up on."""

    def __init__(self, errand: Errand) -> None:
        now = time.perf_counter()
        self._errand = errand
        self._from, self._until = now + errand.warm_up, now + errand.warm_up + errand.seconds
        self._begun: tuple[float, float] | None = None
        self._latencies: list[float] = []

    def going(self, sent: float) -> bool:
        """A call that was sent then has been answered; whether there is to be another."""
        now = time.perf_counter()
        if self._begun is not None:
            self._latencies.append(now - sent)
        elif now >= self._from:
            self._begun = now, time.process_time()
        return now < self._until

    def found(self) -> Found:
        """Called at the end."""
        assert self._begun is not None
        seconds, cpu = time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]
        readings = len(self._latencies) * self._errand.readings
        return Found(seconds=seconds, readings=readings, cpu=cpu, latencies=self._latencies)


async def overlapping(errand: Errand) -> Found:
    address = f"http://127.0.0.1:{errand.port}"
    tally = Tally(errand)
    async with GatecastClient(address, resend_readings=errand.resend_readings) as client:
        async with client.stream(horizon=_HORIZON, quantiles=_LEVELS) as stream:
            all_ = names(errand.prefix, errand.calls * errand.readings)
            shares = [all_[at : at + errand.readings] for at in range(0, len(all_), errand.readings)]
            await asyncio.gather(*(send(stream, errand.way, share, tally) for share in shares))
        return tally.found()


async def send(stream: Stream, way: Way, sessions: list[str], tally: Tally) -> None:
    step, sent = 0, time.perf_counter()
    while tally.going(sent):
        y, sent = reading(step), time.perf_counter()
        if way == "columns":
            observed = await stream.observe_columns(sessions, [y] * len(sessions), [step] * len(sessions))
            errors = [*observed.errors.values()]
        elif way == "many":
            outcomes = await stream.observe_many([Reading(session, y, step) for session in sessions])
            errors = [outcome for outcome in outcomes if isinstance(outcome, GatecastError)]
        else:
            await stream.observe(sessions[0], y, step=step)
            errors = []
        if errors:
            raise errors[0]
        step += 1


def blocking(errand: Errand) -> Found:
    tally = Tally(errand)
    step, sent = 0, time.perf_counter()
    with SyncGatecastClient(f"http://127.0.0.1:{errand.port}", resend_readings=errand.resend_readings) as client:
        with client.stream(horizon=_HORIZON, quantiles=_LEVELS) as stream:
            while tally.going(sent):
                sent = time.perf_counter()
                stream.observe(f"{errand.prefix}0", reading(step), step=step)
                step += 1
        return tally.found()


def run(errand: Errand) -> Found:
    """Runs it in a process of its own; `RuntimeError` with what it said where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load.client_library"],
        input=msgspec.json.encode(errand),
        capture_output=True,
        cwd=Path(__file__).parents[2],
        env=os.environ,
        timeout=errand.seconds + errand.warm_up + _GRACE,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the client failed:\n{done.stderr.decode(errors='replace')}")
    return msgspec.json.decode(done.stdout, type=Found)


def main() -> None:
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    found = blocking(errand) if errand.way == "blocking" else asyncio.run(overlapping(errand))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
