"""A session's past that changes: late and corrected readings, backfills, and going back to an earlier step.

What was recorded is never changed before the state after the change is known: a correction is replayed from the
checkpoint before it, beside the stream, and the session moves over to it between two of its readings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.errors import GatecastError, JournalError, NonFiniteForecast, StaleSession, StateLost
from service.faults import faults_as
from service.frames import SessionView
from service.histories import Histories, Window
from service.journal import Checkpoint
from service.places import Correction, Places
from service.registry import BROKEN, Registry
from service.replays import Replays
from service.replies import Caller, Replies
from service.waiting import WaitingRoom

TRIES = 5  # how often a change is begun again because the session was moved on by somebody else
MOVED = "the session was moved on again and again while it was to be changed; ask where it stands and try again"


@dataclass(frozen=True, eq=False)
class Plan:
    """From step `first` on the session shall have these readings, where it had those up to step `last`."""

    first: int
    values: NDArray[np.float64]  # (n, width)
    last: int
    changed: int = 0  # recorded readings that get another value
    added: int = 0  # readings behind the last one
    filled: int = 0  # and missing ones before and between those

    @property
    def nothing(self) -> bool:
        return self.first > self.last and not len(self.values)


@dataclass(frozen=True)
class Revised:
    """Where the session stands after a change, and what that changed."""

    view: SessionView
    changed: int
    added: int
    filled: int


@dataclass(frozen=True)
class Revisions:
    """Each call runs in the engine's thread; None means that the caller is answered later."""

    registry: Registry
    replays: Replays
    histories: Histories
    replies: Replies
    room: WaitingRoom
    places: Places
    digest: str

    def correct(self, caller: Caller, name: str, correction: Correction) -> Revised | None:
        """Gives steps other values, and adds those behind the last one. What is so already changes nothing.

        `UnknownSession`, `HistoryGone`, `Gap`, `OffGrid`, `StepMismatch`, `TimeRequired`, `DuplicateStep`,
        `StateLost`, `NonFiniteForecast`, `StaleSession`, `Overloaded`.
        """
        return self._begin(caller, name, lambda row: self._corrected(row, correction), TRIES)

    def rewind(self, caller: Caller, name: str, step: int) -> Revised | None:
        """Takes back all readings after `step`, -1 for all of them. `HistoryGone`, `Gap` and others as `correct`."""
        return self._begin(caller, name, lambda row: self._rewound(row, step), TRIES)

    def _corrected(self, row: int, correction: Correction) -> Plan:
        table = self.registry.table
        last = int(table.last_step[row])
        steps, values = self.places.find(row, correction)
        first = min(int(steps[0]), last + 1)
        recorded = self._recorded(row, first, last)
        end = max(last, int(steps[-1]))
        revised = np.full((end - first + 1, values.shape[1]), np.nan)
        revised[: len(recorded)] = recorded
        revised[steps - first] = values
        differ = np.flatnonzero(~_same(revised[: len(recorded)], recorded))
        added = int(np.count_nonzero(steps > last))
        # From the first step on that differs: what lies before is as it was, and so is its state.
        begin = first + (int(differ[0]) if len(differ) else len(recorded))
        return Plan(begin, revised[begin - first :], last, len(differ), added, end - last - added)

    def _rewound(self, row: int, step: int) -> Plan:
        last = int(self.registry.table.last_step[row])
        self.places.check_kept(row, step)
        if step == last:
            return Plan(last + 1, np.empty((0, self._width)), last)
        return Plan(step + 1, np.empty((0, self._width)), last, last - step)

    def _recorded(self, row: int, first: int, last: int) -> NDArray[np.float64]:
        """(n, width) as the journal has them; `StateLost` if it has not all of them."""
        if first > last:
            return np.empty((0, self._width))
        recorded = self.registry.recorded(int(self.registry.table.key[row]), first, last)
        if len(recorded) != last - first + 1:
            if self.replays.pasts.is_elsewhere(row) or self.registry.refreshed(row):
                raise StaleSession(MOVED)
            raise StateLost(
                f"the journal has not all readings of this session from step {first} to {last}; "
                "create the session anew with a history",
                last_step=last,
            )
        return recorded

    def _begin(self, caller: Caller, name: str, planned: Callable[[int], Plan], tries: int) -> Revised | None:
        """Plans the change and replays up to its end; whoever finds the session moved on meanwhile begins again."""
        registry = self.registry
        row = registry.row(name)
        try:
            plan = planned(row)
            if plan.nothing:
                return Revised(registry.view(row), 0, 0, 0)
            replay = self.replays.pasts.load(row, plan.first - 1)
        except StaleSession:  # another process has moved it on since this one looked, a moment ago
            if tries == 1:
                raise
            return self._begin(caller, name, planned, tries - 1)
        session = int(registry.table.key[row]), int(registry.table.revision[row])
        values = np.concatenate((replay.values, plan.values))

        def again() -> None:
            if tries == 1:
                raise StaleSession(MOVED)
            done = self._begin(caller, name, planned, tries - 1)
            if done is not None:
                self.replies.answer(caller, done)

        def finished(plan: Plan, state: NDArray[np.float32]) -> None:
            now = int(registry.table.last_step[row])
            if (int(registry.table.key[row]), int(registry.table.revision[row])) != session or now < plan.last:
                return again()
            if now > plan.last and (plan.added or plan.filled):
                return again()
            try:
                if now == plan.last or not len(plan.values):
                    plan = replace(plan, last=now, changed=plan.changed + now - plan.last)
                    return self.replies.answer(caller, self._put(row, plan, state))
                more = self._recorded(row, plan.last + 1, now)  # that came meanwhile, behind the corrected ones
            except StaleSession:  # another process has moved it on
                registry.forget(np.array([row]))
                return again()
            longer = replace(plan, values=np.concatenate((plan.values, more)), last=now)
            return run(longer, plan.last + 1, more, state)

        def run(plan: Plan, first: int, values: NDArray[np.float64], state: NDArray[np.float32]) -> None:
            """Replays readings (n, width) from step `first` on, beside the stream."""
            if not len(values):
                return finished(plan, state)
            times = self.places.times(row, first, len(values))
            held = _Held(self.room, len(values))

            def ended(state: NDArray[np.float32], forecast: NDArray[np.float64]) -> None:
                held.release()
                if not np.isfinite(forecast).all():
                    raise NonFiniteForecast("the model's forecast after this change is not finite; nothing was changed")
                finished(plan, state)

            def failed(error: GatecastError) -> None:
                held.release()
                self.replies.answer(caller, error)

            def gone() -> bool:
                if caller.gone:
                    held.release()
                return caller.gone

            self.histories.add(Window(values, times, state, ended, failed, gone, static=replay.static))
            return None

        run(plan, plan.first - len(replay.values), values, replay.state)
        return None

    def _put(self, row: int, plan: Plan, state: NDArray[np.float32]) -> Revised:
        """The change in the journal, then in table and arena."""
        registry = self.registry
        key, revision = int(registry.table.key[row]), int(registry.table.revision[row])
        step = plan.first + len(plan.values) - 1
        saved = Checkpoint(step, revision, self.digest, state) if step >= 0 else None
        with faults_as(JournalError, BROKEN):
            try:
                head = registry.journal.revise(key, revision, plan.last, plan.first, plan.values, saved)
            except JournalError:
                registry.forget(np.array([row]))  # whether it was written is not sure: the journal is asked
                raise
        start, frequency = int(registry.table.start[row]), self.places.reach.frequency
        self.room.owed.settle(head.name, plan.last + 1, start, frequency)  # before what was recorded is taken back
        registry.changed(head.name)
        row = registry.adopt(head)
        if saved is not None:
            registry.install(row, state, step)
        return Revised(registry.view(row), plan.changed, plan.added, plan.filled)

    @property
    def _width(self) -> int:
        return int(self.registry.table.last_values.shape[1])


class _Held:
    """Room for the steps of one replay, given back once."""

    def __init__(self, room: WaitingRoom, steps: int) -> None:
        self._room = room
        self._steps = steps
        room.take_steps(steps)

    def release(self) -> None:
        steps, self._steps = self._steps, 0
        if steps:
            self._room.give_steps(steps)


def _same(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether each row (n, width) is the same, missing values too."""
    return np.asarray(((some == others) | (np.isnan(some) & np.isnan(others))).all(axis=1))
