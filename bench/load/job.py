"""What the generator is told to do and what it found: one job, one process, one report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from gatecast_client.wire import Form
from numpy.typing import NDArray

_GRACE = 60.0  # seconds that a generator may take beyond those of its job, to connect and to wait for late answers

Layout = Literal["items", "columns"]


class Job(msgspec.Struct, kw_only=True, frozen=True):
    """Frames of `readings` readings over `connections` connections.

    Sessions are `{prefix}{number}`, numbered from 0; where there are several workers, those that `worker` has. They
    stand in blocks of one frame, dealt to the connections; each connection sends its blocks in turn, one step further
    each time round, from step 0 or from `steps`.

    Closed (no `rate`): each connection keeps `in_flight` frames on their way for `seconds`, after `warm_up` that do
    not count; with `rounds`, until each block was sent so often. Open: `rate` frames a second over all connections by
    `schedule`, whether answers come or not, and a latency counts from when its frame was meant to be sent.
    """

    port: int
    protocol: Literal["websocket", "http", "grpc"] = "websocket"
    body: Literal["readings", "windows", "triton"] = "readings"  # how a frame says what it says
    path: str = "/v1/stream?quantiles=0.1,0.5,0.9&horizon=24"
    form: Form = "msgpack"
    layout: Layout = "items"  # of a frame: an object for each reading, or a column for each field
    prefix: str = "s"
    sessions: int = 1
    worker: int = 0
    workers: int = 1
    connections: int = 1
    readings: int = 1  # of one frame
    in_flight: int = 1
    seconds: float = 5.0
    warm_up: float = 1.0
    pause: float = 0.0  # seconds between an answer and the next frame; closed jobs alone
    rounds: int | None = None
    rate: float | None = None
    schedule: Literal["evenly", "by_chance"] = "by_chance"
    steps: list[int] = []  # where an earlier job has left each block; those that are behind go first
    watched: int | None = None  # the process whose processor time is measured
    numbers: int = 72  # of one forecast, where they are sent as a bare tensor
    checked: bool = True  # each answer is held to be an acknowledgement for each reading; an echo's are not

    def __post_init__(self) -> None:
        if self.protocol != "websocket" and self.in_flight > 1:
            raise ValueError(f"one frame in flight was expected on {self.protocol}, got {self.in_flight}")
        if self.sessions < self.readings * self.connections:
            raise ValueError(
                f"{self.connections} connections with frames of {self.readings} readings need as many sessions, "
                f"got {self.sessions}"
            )


class Report(msgspec.Struct, kw_only=True, frozen=True):
    """What came of a job, within the time that counts."""

    seconds: float
    frames: int
    readings: int
    server_cpu: float  # seconds of the watched process
    generator_cpu: float  # seconds of the generator
    latencies: bytes  # float64, seconds
    lateness: bytes  # float64, seconds by which frames were sent later than meant; open jobs alone
    steps: list[int]  # the next one of each block
    bare: int  # acknowledgements without a forecast
    sent_bytes: int  # of one frame
    answer: bytes  # the last answer

    @property
    def readings_per_second(self) -> float:
        return self.readings / self.seconds

    @property
    def frames_per_second(self) -> float:
        return self.frames / self.seconds

    @property
    def server_micros(self) -> float:
        """Processor time of the server for a reading, in microseconds."""
        return self.server_cpu / self.readings * 1e6

    @property
    def generator_micros(self) -> float:
        return self.generator_cpu / self.readings * 1e6

    @property
    def seconds_each(self) -> NDArray[np.float64]:
        """Latencies (frames,)."""
        return np.frombuffer(self.latencies)

    @property
    def late(self) -> NDArray[np.float64]:
        """(frames,) see `lateness`."""
        return np.frombuffer(self.lateness)


def run(job: Job) -> Report:
    """Runs the job in a process of its own; `RuntimeError` with what it said where it fails."""
    return Running(job).report()


class Running:
    """A job that is under way, beside whatever else is to happen meanwhile."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load.generator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env=os.environ,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(job))
        self._process.stdin.close()
        self._process.stdin = None  # for communicate()

    def report(self) -> Report:
        """Waits for it; `RuntimeError` where it failed."""
        limit = self._job.seconds + self._job.warm_up + _GRACE if self._job.rounds is None else 10 * _GRACE
        try:
            out, said = self._process.communicate(timeout=limit)
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        if self._process.returncode != 0:
            raise RuntimeError(f"the generator failed:\n{said.decode(errors='replace')}")
        return msgspec.msgpack.decode(out, type=Report)
