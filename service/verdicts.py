"""The verdict on each reading of a batch: the next one, the last one again, or an error by name.

The good path is columns only; a session with anything out of the ordinary is judged reading by reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency, format_time
from service.batching import Batch, Turns
from service.errors import Conflict, Duplicate, Gap, GatecastError, OffGrid, StepMismatch, TimeRequired, UnknownSession
from service.frames import NO_STEP, NO_TIME
from service.reach import Reach
from service.sessions import SessionTable

Recorded = Callable[[int, int, int], NDArray[np.float64]]  # key, first, last: readings as the journal has them
WIDEST_LOOK = 4096  # older readings at most that are fetched in one piece to be compared


class Fill(Protocol):
    """Whether gaps may be filled; it is told of readings that were refused before."""

    def take(self, item: int, start: int, first: int, step: int, gap: Gap) -> GatecastError | None:
        """None if the steps from `first` on enter before the reading `item`, which is of `step`; else the error."""

    def refuse(self, item: int, error: GatecastError) -> None:
        """The reading `item` was refused."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What becomes of each reading of a batch."""

    steps: NDArray[np.int64]  # (readings,) NO_STEP on error
    keyed: NDArray[np.bool_]  # (readings,) a step or a time came with it
    repeated: NDArray[np.bool_]  # (readings,) the session's last step again: nothing advances
    errors: list[GatecastError | None]
    turns: Turns


class Judge:
    """Judges batches against the session table and, where a reading is older, the journal; changes neither.

    Only the start of an unborn session is noted in the table, until the journal has it with its first reading.
    """

    def __init__(self, table: SessionTable, reach: Reach, recorded: Recorded) -> None:
        self._table = table
        self._reach = reach
        self._frequency = reach.frequency
        self._recorded = recorded

    def judge(
        self,
        batch: Batch,
        rows: NDArray[np.int64],
        errors: list[GatecastError | None],
        fill: Fill | None = None,
    ) -> Verdict:
        """`rows` (readings,) are those of the session table; UNKNOWN only where there is an error already.

        Where `fill` takes a gap, the reading after it has its step as if all before it were there; such a verdict
        shows what is lacking, and cannot be run.
        """
        errors = list(errors)
        self._begin_unborn(batch, rows, errors)
        wanted, keyed = self._places(batch, rows, errors)
        order = np.argsort(rows, kind="stable")  # sessions side by side, each in its order of arrival
        grouped = rows[order]
        first = np.flatnonzero(np.concatenate(([True], grouped[1:] != grouped[:-1])))  # (sessions,)
        counts = np.diff(np.append(first, len(order)))
        steps = np.empty(len(order), np.int64)  # what each has if all before it is in order
        steps[order] = self._table.last_step[grouped] + 1 + np.arange(len(order)) - np.repeat(first, counts)
        odd = (keyed & (wanted != steps)) | self._beyond(rows, steps)
        for index, error in enumerate(errors if any(errors) else ()):
            odd[index] |= error is not None
        repeated = np.zeros(len(order), np.bool_)
        if not odd.any():
            turns = Turns(grouped[first], counts, first, order, order[first + counts - 1])
            return Verdict(steps, keyed, repeated, errors, turns)
        for at in np.flatnonzero(np.logical_or.reduceat(odd[order], first)).tolist():
            items = order[first[at] : first[at] + counts[at]]
            wishes = [int(wanted[item]) if keyed[item] else None for item in items]
            session = _Session(self._table, int(grouped[first[at]]), wishes, self._reach, self._recorded, fill)
            for item, wish in zip(items.tolist(), wishes, strict=True):
                steps[item] = NO_STEP
                if errors[item] is None:
                    errors[item] = session.take(item, wish, batch.values[item])
                if (error := errors[item]) is None:
                    steps[item], repeated[item] = session.last, session.repeated
                elif fill is not None:
                    fill.refuse(item, error)
        return Verdict(steps, keyed, repeated, errors, _turns(order, grouped, first, steps, repeated))

    def _begin_unborn(self, batch: Batch, rows: NDArray[np.int64], errors: list[GatecastError | None]) -> None:
        """The first reading with a time says when an unborn session starts; those before it cannot be placed."""
        table = self._table
        unborn = np.flatnonzero(table.unborn[rows] & (rows >= 0)) if table.unborn.any() else ()
        begun: set[int] = set()
        for item in map(int, unborn):
            row, time, step = int(rows[item]), int(batch.times[item]), int(batch.steps[item])
            if row in begun or errors[item] is not None:
                continue
            if time == NO_TIME:
                errors[item] = TimeRequired("the first reading of a session without a start needs its ds, got none")
            elif step > 0:
                errors[item] = Gap(f"step 0 was expected first, got step {step}", expected_step=0, last_step=NO_STEP)
            else:
                errors[item] = self._reach.refusal(time, 0)
                if errors[item] is None:
                    table.start[row] = time
                    begun.add(row)

    def _places(
        self, batch: Batch, rows: NDArray[np.int64], errors: list[GatecastError | None]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The step that each reading asks for, by its step or its time, and whether it asks for one."""
        timed = (batch.times != NO_TIME) & (rows >= 0) & (self._table.start[rows] != NO_TIME)
        numbered = batch.steps != NO_STEP
        if not timed.any():
            return batch.steps, numbered
        starts = np.where(timed, self._table.start[rows], 0)
        times = np.where(timed, batch.times, 0)
        by_time, on_grid = self._frequency.steps(starts, times)
        off = timed & (~on_grid | (by_time < 0))
        differ = timed & numbered & (by_time != batch.steps)
        for item in np.flatnonzero(off | differ).tolist():
            if errors[item] is not None:
                continue
            if off[item]:
                errors[item] = off_grid(int(starts[item]), int(times[item]), int(by_time[item]), self._frequency)
            else:
                errors[item] = StepMismatch(
                    f"step and ds must name one place: this ds is step {by_time[item]}, got step {batch.steps[item]}",
                    step=int(batch.steps[item]),
                    step_of_ds=int(by_time[item]),
                )
        return np.where(timed, by_time, batch.steps), timed | numbered

    def _beyond(self, rows: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Where a session would leave the calendar; sessions without a start are refused elsewhere."""
        starts = self._table.start[rows]
        return self._reach.beyond(np.where(starts == NO_TIME, 0, starts), steps)


class _Session:
    """One session while its readings of a batch are judged one after the other."""

    def __init__(
        self,
        table: SessionTable,
        row: int,
        wishes: list[int | None],
        reach: Reach,
        recorded: Recorded,
        fill: Fill | None,
    ) -> None:
        self.last = self._before = int(table.last_step[row])
        self.repeated = False  # whether the reading taken last was the last step again
        self._start = int(table.start[row])
        self._key = int(table.key[row])
        self._first_kept = int(table.first_step[row])
        self._new: list[NDArray[np.float64]] = []  # values taken in this batch
        self._last_values: NDArray[np.float64] = table.last_values[row]
        self._reach = reach
        self._recorded = recorded
        self._wishes = wishes  # all steps of the batch
        self._fill = fill
        self._fetched: dict[int, tuple[int, int, NDArray[np.float64]]] = {}  # by piece: first and last step, values

    def take(self, item: int, wish: int | None, values: NDArray[np.float64]) -> GatecastError | None:
        """Moves on if the reading that asks for step `wish` (None: the next) can be had, else says why not."""
        following = self.last + 1
        step = following if wish is None else wish
        self.repeated = step == self.last
        if self.last <= step <= following and (wrong := self._reach.refusal(self._start, step)) is not None:
            return wrong
        if step == following:
            self.last = step
            self._new.append(values)
            return None
        if step > following:
            return self._skip(item, step, values)
        known = self._values_of(step)
        if known is not None and not np.array_equal(known, values, equal_nan=True):
            missing = " as missing" if np.isnan(known).all() else " with other values"
            return Conflict(
                f"step {step} is recorded{missing}; what is recorded stays, unless it is corrected "
                "(POST /v1/sessions/{session}/corrections)",
                step=step,
                last_step=self.last,
            )
        if self.repeated:
            return None
        return Duplicate(
            f"step {step} is recorded already; the last step is {self.last}", step=step, last_step=self.last
        )

    def _skip(self, item: int, step: int, values: NDArray[np.float64]) -> GatecastError | None:
        """Moves on over steps that were left out if they may enter as missing, else says why not."""
        first = self.last + 1
        refused = gap(self.last, step, self._start, self._reach.frequency)
        if self._fill is None:
            return refused
        wrong = self._reach.refusal(self._start, step) or self._fill.take(item, self._start, first, step, refused)
        if wrong is None:
            self.last = step
            self._new += [*[np.full_like(values, np.nan)] * (step - first), values]
        return wrong

    def _values_of(self, step: int) -> NDArray[np.float64] | None:
        """What is recorded for an earlier step; None where it was let go of."""
        if step > self._before:
            return self._new[step - self._before - 1]
        if step == self._before:
            return self._last_values
        if step < self._first_kept:
            return None
        if not self._fetched:
            self._fetch()
        first, last, found = self._fetched[step // WIDEST_LOOK]
        if len(found) != last - first + 1:  # the journal has forgotten some of them
            first, found = step, self._read(step, step)
        return found[step - first] if len(found) else None

    def _fetch(self) -> None:
        """All older readings that the batch asks for, whatever their order, in few pieces."""
        pieces: dict[int, tuple[int, int]] = {}
        for wish in self._wishes:
            if wish is not None and self._first_kept <= wish < self._before:
                first, last = pieces.get(wish // WIDEST_LOOK, (wish, wish))
                pieces[wish // WIDEST_LOOK] = min(first, wish), max(last, wish)
        for piece, (first, last) in pieces.items():
            self._fetched[piece] = first, last, self._read(first, last)

    def _read(self, first: int, last: int) -> NDArray[np.float64]:
        """None where another process has deleted the session, of which nobody has told this one yet."""
        try:
            return self._recorded(self._key, first, last)
        except UnknownSession:
            return np.empty((0, len(self._last_values)))


def gap(last: int, step: int, start: int, frequency: Frequency) -> Gap:
    """The error for a reading of `step` where `last` is the last one recorded."""
    expected_ds = shown(int(frequency.times(start, np.array([last + 1]))[0]), frequency)
    return Gap(
        f"step {last + 1} ({expected_ds}) was expected next, got step {step}; send what lies between, "
        "with nulls where there is no reading, or ask for gaps=missing",
        expected_step=last + 1,
        expected_ds=expected_ds,
        last_step=last,
    )


def off_grid(start: int, time: int, step: int, frequency: Frequency) -> OffGrid:
    """The error for a time that is none of a session's, `step` being the one at or before it."""
    first = shown(start, frequency)
    if step < 0:
        return OffGrid(f"this session starts at {first}, got the earlier {shown(time, frequency)}", nearest=[first])
    around = frequency.times(start, np.array([step, step + 1]))
    nearest = [shown(int(each), frequency) for each in around]
    return OffGrid(
        f"a whole number of steps ({frequency.alias}) from {first} was expected, "
        f"got {shown(time, frequency)}; the nearest are {nearest[0]} and {nearest[1]}",
        nearest=nearest,
    )


def shown(time: int, frequency: Frequency) -> str | int:
    """A time as clients write it, or the bare number where no calendar reaches so far."""
    try:
        return format_time(time, frequency)
    except ValueError:
        return time


def _turns(
    order: NDArray[np.int64],  # (readings,) positions in the batch, sessions side by side
    grouped: NDArray[np.int64],  # (readings,) their rows
    first: NDArray[np.int64],  # (sessions,) where each session begins
    steps: NDArray[np.int64],
    repeated: NDArray[np.bool_],
) -> Turns:
    taken = steps[order] != NO_STEP
    runs = taken & ~repeated[order]
    newest = np.maximum.reduceat(np.where(taken, np.arange(len(order)), -1), first)
    some = newest >= 0
    lengths = np.add.reduceat(runs, first, dtype=np.int64)[some]
    offsets = np.cumsum(lengths) - lengths
    return Turns(grouped[first][some], lengths, offsets, order[runs], order[newest[some]])
