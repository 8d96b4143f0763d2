"""The worker processes of a search: who is free, what they say, and who takes the place of one that ended."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from optuna.trial import Trial

from models.evaluation.panel import Panel
from models.tuning.messages import Report, Result, Task
from models.tuning.worker import work

LEAVE = 2.0  # seconds for all workers to leave between two steps before they are ended


@dataclass(eq=False)
class Worker:
    """A process, the way to it, and the trial it has in hand."""

    process: BaseProcess
    connection: Connection
    trial: Trial | None = None


@dataclass
class Crew:
    """So many workers, made when first needed; each holds the readings that the search may see, and no database."""

    size: int
    panel: Panel
    season: int
    workers: list[Worker] = field(default_factory=list)

    @property
    def busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.trial is not None]

    @property
    def full(self) -> bool:
        return len(self.busy) >= self.size

    def begin(self, trial: Trial, task: Task) -> None:
        """Gives a trial to a free worker."""
        worker = next((worker for worker in self.workers if worker.trial is None), None) or self._hire()
        worker.trial = trial
        try:
            worker.connection.send(task)
        except ConnectionError:  # it ended while it was free: `said` will tell
            return

    def said(self, seconds: float) -> Iterator[tuple[Worker, Report | Result | None]]:
        """What busy workers say within so many seconds; None from one that ended without a word."""
        busy = self.busy
        ready = wait([worker.connection for worker in busy], seconds)
        for worker in busy:
            if worker.connection not in ready:
                continue
            try:
                yield worker, worker.connection.recv()
            except (EOFError, ConnectionError):
                self._part(worker)
                yield worker, None

    def dismiss(self) -> None:
        """Every worker leaves; what it has in hand is not waited for."""
        for worker in self.workers:
            worker.connection.close()
        until = time.monotonic() + LEAVE
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self.workers.clear()

    def _hire(self) -> Worker:
        context = multiprocessing.get_context("forkserver")  # torch is imported once, whatever the number of workers
        context.set_forkserver_preload([work.__module__])
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, self.panel, self.season), daemon=True)
        with _deaf():
            process.start()
        theirs.close()
        self.workers.append(Worker(process, ours))
        return self.workers[-1]

    def _part(self, worker: Worker) -> None:
        worker.connection.close()
        worker.process.join(LEAVE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        self.workers.remove(worker)


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C in a terminal reaches every process of it: one that begins in here does not hear it while it imports."""
    resource_tracker.ensure_running()  # it would lift the block when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
