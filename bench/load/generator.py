"""The process that loads a service: a job comes by standard input, its report leaves by standard output.

    python -m bench.load.generator < job.json

One thread on plain sockets: nothing but encoding, sending, waiting, receiving and parsing. Waits are exact to the
microsecond, by select() on the poll's own file, where an event loop's timers would be exact to the millisecond.
"""

from __future__ import annotations

import ctypes
import gc
import select
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import chain

import msgspec
import numpy as np
from gatecast_client.wire import Wire

from bench.load.connection import Connection
from bench.load.grpc import GrpcStream
from bench.load.job import Job, Report
from bench.load.process import cpu_seconds
from bench.load.requests import Requests
from bench.load.schedule import SCHEDULES
from bench.load.traffic import Block, Sent, answers, blocks, in_turn
from bench.load.triton import HEADERS as TRITON
from bench.load.websocket import Websocket

_SET_TIMER_SLACK = 29  # prctl(2): waits may end so many nanoseconds late; 50,000 unless set
_LATE_ANSWERS = 30.0  # seconds that the last answers may take


class Line:
    """One connection, its blocks, and the times that the answers on their way count from."""

    def __init__(self, job: Job, own: list[Sent]) -> None:
        self.socket = connect(job)
        self.blocks = own
        self.turns = in_turn(own, job.rounds)
        self.sent: deque[float] = deque()
        self.text = job.form == "json"
        self.size = 0
        if job.layout == "columns":
            self._number(Wire(job.form))

    def _number(self, wire: Wire) -> None:
        """Gives the sessions of this connection their handles, and waits for the answers."""
        first = 0
        numbered = [block for block in self.blocks if isinstance(block, Block)]
        for block in numbered:
            block.first = first
            first += len(block.names)
            frame = wire.encode({"handles": block.names})
            self.socket.send(frame.encode() if isinstance(frame, str) else frame, self.text)
        waiting = len(numbered)
        while waiting:
            self.socket.flush()
            select.select([self.socket], [self.socket] if self.socket.behind else [], [], _LATE_ANSWERS)
            waiting -= sum(1 for _ in self.socket.receive())

    def send(self, meant: float) -> bool:
        """Sends the next frame, whose latency counts from `meant`; False when there is none."""
        block = next(self.turns, None)
        if block is None:
            return False
        frame = block.next()
        self.size = len(frame)
        self.sent.append(meant)
        self.socket.send(frame, self.text)
        return True


class Generator:
    """Runs one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.lines = [Line(job, own) for own in blocks(job)]
        self.answers = answers(job)
        self.poll = select.epoll()
        self.by_file = {line.socket.fileno(): line for line in self.lines}
        for file in self.by_file:
            self.poll.register(file, select.EPOLLIN)
        self.latencies: list[float] = []
        self.late: list[float] = []
        self.answer = b""
        self.begin = self.end = 0.0  # of the time that counts
        self._cpu: tuple[float, float] | None = None
        self._used = (0.0, 0.0)

    def run(self) -> Report:
        gc.collect()
        gc.freeze()
        gc.disable()
        if self.job.rate is None:
            self._closed()
        else:
            self._open(self.job.rate)
        for line in self.lines:
            line.socket.close()
        if self.job.rate is None and self.answers.bare:
            raise ValueError(f"{self.answers.bare} readings were acknowledged without a forecast")
        frames = len(self.latencies)
        return Report(
            seconds=self.end - self.begin,
            frames=frames,
            readings=frames * self.job.readings,
            server_cpu=self._used[0],
            generator_cpu=self._used[1],
            latencies=np.array(self.latencies).tobytes(),
            lateness=np.array(self.late).tobytes(),
            steps=[block.step for block in sorted(chain(*(line.blocks for line in self.lines)), key=_number)],
            bare=self.answers.bare,
            sent_bytes=self.lines[0].size,
            answer=self.answer,
        )

    def _closed(self) -> None:
        job, start = self.job, time.perf_counter()
        counted = start + job.warm_up if job.rounds is None else start
        until = counted + job.seconds if job.rounds is None else float("inf")
        if job.rounds is not None:
            self._begin()
        for line in self.lines:
            for _ in range(job.in_flight):
                self._send(line, time.perf_counter())
        pausing: deque[tuple[float, Line]] = deque()
        while pausing or any(line.sent for line in self.lines):
            now = time.perf_counter()
            if self._cpu is None and now >= counted:
                self._begin()
            if now >= until:
                break
            for line, answered in self._receive(max(pausing[0][0] - now, 0.0) if pausing else 1.0):
                now = time.perf_counter()
                if self._cpu is not None:
                    self.latencies.append(now - answered)
                if job.pause:
                    pausing.append((now + job.pause, line))
                else:
                    self._send(line, now)
            while pausing and pausing[0][0] <= (now := time.perf_counter()):
                self._send(pausing.popleft()[1], now)
        self._finish()
        self._drain()

    def _open(self, rate: float) -> None:
        job = self.job
        arrivals = SCHEDULES[job.schedule](rate, job.warm_up + job.seconds)
        start = time.perf_counter() + 0.05
        meant = (start + arrivals).tolist()
        counted, number, lines = start + job.warm_up, 0, self.lines
        while number < len(meant):
            due = meant[number]
            now = time.perf_counter()
            if self._cpu is None and now >= counted:
                self._begin()
            if due > now:
                for _, answered in self._receive(due - now):
                    self._note(answered, counted)
                continue
            self._send(lines[number % len(lines)], due)
            if due >= counted:
                self.late.append(time.perf_counter() - due)
            number += 1
            for _, answered in self._receive(0.0):
                self._note(answered, counted)
        self._drain(counted)
        self._finish()

    def _note(self, meant: float, counted: float) -> None:
        if meant >= counted:
            self.latencies.append(time.perf_counter() - meant)

    def _send(self, line: Line, meant: float) -> None:
        line.send(meant)
        if line.socket.behind:
            self.poll.modify(line.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _receive(self, seconds: float) -> Iterator[tuple[Line, float]]:
        """The lines on which answers came within so many seconds, each with the time that its frame counts from."""
        if seconds > 0 and not select.select([self.poll], [], [], seconds)[0]:
            return
        for file, event in self.poll.poll(0):
            line = self.by_file[file]
            if event & select.EPOLLOUT:
                line.socket.flush()
                if not line.socket.behind:
                    self.poll.modify(file, select.EPOLLIN)
            for message in line.socket.receive():
                self.answers.take(message)
                self.answer = message
                yield line, line.sent.popleft()

    def _drain(self, counted: float = float("inf")) -> None:
        until = time.perf_counter() + _LATE_ANSWERS
        while any(line.sent for line in self.lines):
            if time.perf_counter() > until:
                raise TimeoutError(f"{sum(len(line.sent) for line in self.lines)} answers did not come")
            for _, answered in self._receive(0.5):
                self._note(answered, counted)

    def _begin(self) -> None:
        self.begin = time.perf_counter()
        self._cpu = self._spent()

    def _finish(self) -> None:
        self.end = time.perf_counter()
        now, before = self._spent(), self._cpu or (0.0, 0.0)
        self._used = (now[0] - before[0], now[1] - before[1])

    def _spent(self) -> tuple[float, float]:
        return (0.0 if self.job.watched is None else cpu_seconds(self.job.watched)), time.process_time()


def connect(job: Job) -> Connection:
    """A connection on which the job's frames may be sent."""
    if job.protocol == "websocket":
        return Websocket(job.port, job.path)
    if job.protocol == "grpc":
        return GrpcStream(job.port, job.path)
    content = {"Content-Type": "application/json" if job.form == "json" else "application/x-msgpack"}
    return Requests(job.port, job.path, TRITON if job.body == "triton" else content)


def _number(block: Sent) -> int:
    return block.number


def main() -> None:
    ctypes.CDLL(None).prctl(_SET_TIMER_SLACK, 1, 0, 0, 0)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.msgpack.encode(Generator(job).run()))


if __name__ == "__main__":
    main()
