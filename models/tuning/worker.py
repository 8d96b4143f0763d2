"""A process that trains trials, one after the other, and reports each validation to the process that owns the study."""

from __future__ import annotations

import math
import signal
import time
from dataclasses import replace
from multiprocessing.connection import Connection

import torch

from models.evaluation.panel import Panel
from models.training.loop import Record, TrainingDiverged
from models.training.trainer import prepare
from models.tuning.messages import Report, Result, Task


def work(connection: Connection, panel: Panel, season: int) -> None:
    """Trains what comes through the connection until it is closed: then the search has ended, or has died.

    It holds nothing that could be lost, so it leaves between two steps. Ctrl-C is the owner's affair.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        while True:
            connection.send(trained(connection.recv(), connection, panel, season))
    except (EOFError, ConnectionError):
        return


def trained(task: Task, connection: Connection, panel: Panel, season: int) -> Result:
    """One trial; each of its validations is reported, and the answer says whether to go on."""
    hopeless = False
    started = time.monotonic()

    def observe(record: Record) -> None:
        nonlocal hopeless
        if record.validation is not None:
            connection.send(Report(record.step, record.validation))
            hopeless = not connection.recv()

    def interrupted() -> bool:
        if not hopeless and connection.poll():
            connection.recv()  # nothing is sent unasked: the connection is closed, and this raises EOFError
        return hopeless

    try:
        settings = replace(task.settings, cooldown=0.0, widen=False)  # trials are compared at the same steps
        training = prepare(panel, task.config, settings, season)
        outcome = training.run(observe, lambda checkpoint: None, interrupted)  # noqa: ARG005 - nothing is kept
    except TrainingDiverged as diverged:  # worse than any loss: a sampler should learn from it
        return Result("pruned", seconds=time.monotonic() - started, why=f"diverged: {diverged}")
    except (ValueError, RuntimeError, MemoryError) as fault:
        return Result("failed", seconds=time.monotonic() - started, why=f"{type(fault).__name__}: {fault}")
    loss, steps, seconds = outcome.place.best, outcome.place.step, time.monotonic() - started
    if hopeless:
        return Result("pruned", loss, steps, seconds, "worse than others at the same step")
    if loss is None or not math.isfinite(loss):
        return Result("pruned", None, steps, seconds, f"diverged: the validation loss is {loss}")
    return Result("complete", loss, steps, seconds)
