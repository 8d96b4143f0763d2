"""The verdict on each reading of a batch: next, the last one again, or which error. Nothing is changed by judging.

The good path is columns only. A session with anything out of the ordinary is judged reading by reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency, format_time
from service.batching import Batch, Turns
from service.errors import Conflict, Duplicate, Gap, GatecastError, OffGrid, StepMismatch, TimeRequired
from service.frames import NO_STEP, NO_TIME
from service.sessions import UNKNOWN, SessionTable

Recorded = Callable[[int, int, int], NDArray[np.float64]]  # a row's readings of steps first to last, as in a journal
WIDEST_LOOK = 4096  # older readings that are fetched in one piece to be compared


@dataclass(frozen=True, eq=False)
class Verdict:
    """What becomes of each reading; positions are those in the batch."""

    steps: NDArray[np.int64]  # (readings,) NO_STEP on error
    keyed: NDArray[np.bool_]  # (readings,) a step or a time came with it
    repeated: NDArray[np.bool_]  # (readings,)
    errors: list[GatecastError | None]
    turns: Turns


class Judge:
    """Judges batches against the session table and, for readings that are older, the journal."""

    def __init__(self, table: SessionTable, frequency: Frequency, recorded: Recorded) -> None:
        self._table = table
        self._frequency = frequency
        self._recorded = recorded

    def judge(self, batch: Batch, rows: NDArray[np.int64]) -> Verdict:
        """`rows` are those of the table, UNKNOWN only where the batch has an error already."""
        table, errors = self._table, list(batch.errors)
        self._begin_unborn(batch, rows, errors)
        steps, keyed = self._steps(batch, rows, errors)
        order = np.argsort(rows, kind="stable")  # sessions side by side, each in order of arrival
        grouped = rows[order]
        first = np.flatnonzero(np.concatenate(([True], grouped[1:] != grouped[:-1])))  # (sessions,)
        counts = np.diff(np.append(first, len(order)))
        rank = np.arange(len(order)) - np.repeat(first, counts)
        expected = np.empty(len(order), np.int64)
        expected[order] = table.last_step[grouped] + 1 + rank
        odd = keyed & (steps != expected)
        if errors.count(None) < len(errors):
            odd |= np.array([error is not None for error in errors])
        repeated = np.zeros(len(order), np.bool_)
        if not odd.any():
            turns = Turns(grouped[first], counts, first, order, order[first + counts - 1])
            return Verdict(expected, keyed, repeated, errors, turns)
        runs = np.ones(len(order), np.bool_)
        for at in np.flatnonzero(np.logical_or.reduceat(odd[order], first)).tolist():
            items = order[first[at] : first[at] + counts[at]]
            self._judge_session(int(grouped[first[at]]), items.tolist(), batch, steps, keyed, expected, errors)
            runs[items] = [errors[item] is None for item in items]
        repeated = runs & ~_first_of_its_step(order, first, expected, table.last_step[rows])
        runs &= ~repeated
        steps = np.where(runs | repeated, expected, NO_STEP)
        return Verdict(steps, keyed, repeated, errors, _turns(order, grouped, first, runs, repeated))
