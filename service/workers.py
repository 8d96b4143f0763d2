"""The processes of a service on several cores: started together, restarted when one dies, ended together."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from service.logs import Log
from service.settings import PREFIX, Settings

FIRST_PAUSE = 0.5  # seconds until a worker that died is started again; doubles as long as its lives are short
LONGEST_PAUSE = 30.0


@dataclass(eq=False)
class Worker:
    """One of them: where it listens, and its process if it runs."""

    number: int
    port: int
    address: str = ""  # as it said itself when it became ready first
    process: Process | None = None


class Workers:
    """Starts `settings.workers` processes of `command` and keeps them until a signal comes.

    Each is told its number, port and settings by variables. It says its address on its standard output when it is
    ready, and ends when its standard input does: none is left behind, however this process ends. What it logs goes to
    this process's own log. A worker that cannot even start ends all; later it is started again, with growing pauses.
    """

    def __init__(
        self, settings: Settings, command: Sequence[str], log: Log, listening: Callable[[list[str]], None]
    ) -> None:
        self._workers = [Worker(at, settings.port and settings.port + at) for at in range(settings.workers)]
        self._settings = settings
        self._command = command
        self._log = log
        self._listening = listening  # called with all addresses, once
        self._ending = asyncio.Event()

    async def run(self) -> bool:
        """Until all have ended; whether each started, was told to end, and answered what it had accepted."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._end)
        clean = await asyncio.gather(*(self._keep(worker) for worker in self._workers))
        return all(clean)

    def _end(self) -> None:
        """A second signal goes through too: the workers end at once then."""
        if not self._ending.is_set():
            self._log.info("ending the workers")
        self._ending.set()
        for worker in self._workers:
            _tell(worker)

    async def _keep(self, worker: Worker) -> bool:
        pause, clock = 0.0, asyncio.get_running_loop().time
        while True:
            born = clock()
            status = await self._live(worker)
            if self._ending.is_set():
                return status in (0, -signal.SIGTERM)  # the signal itself ends only one that was not serving yet
            if not worker.address:  # what kept it from starting stands in the log, and would again
                self._end()
                return False
            lived = clock() - born >= LONGEST_PAUSE
            pause = FIRST_PAUSE if lived or not pause else min(2 * pause, LONGEST_PAUSE)
            self._log.error("worker died", worker=worker.number, status=status, restart_seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)
                return True

    async def _live(self, worker: Worker) -> int:
        """One life of a worker; its exit status, negative the signal that ended it."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, **self._told(worker)},
            start_new_session=True,  # Ctrl-C reaches us, and through us each of them once
        )
        worker.process = process
        if self._ending.is_set():
            _tell(worker)
        assert process.stdout is not None
        said = (await process.stdout.readline()).decode().strip()
        if said:
            self._ready(worker, said)
        while await process.stdout.read(2**16):
            pass
        status = await process.wait()
        worker.process = None
        return status

    def _ready(self, worker: Worker, address: str) -> None:
        first = not worker.address
        worker.address, worker.port = address, int(address.rpartition(":")[2])
        if first and all(each.address for each in self._workers):
            self._listening([each.address for each in self._workers])

    def _told(self, worker: Worker) -> dict[str, str]:
        settings = self._settings
        given = {name: getattr(settings, name) for name in settings.model_fields_set}
        own: dict[str, object] = {"worker": worker.number, "port": worker.port, "supervised": True}
        if settings.grpc_port:
            own["grpc_port"] = settings.grpc_port + worker.number
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in (given | own).items() if value is not None}


def command_of(module: str, *arguments: str) -> list[str]:
    """This interpreter with the warnings it was given, on a module."""
    return [sys.executable, *(f"-W{each}" for each in sys.warnoptions), "-m", module, *arguments]


def _tell(worker: Worker) -> None:
    if worker.process is not None and worker.process.returncode is None:
        worker.process.send_signal(signal.SIGTERM)
