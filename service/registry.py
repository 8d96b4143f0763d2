"""The sessions as the engine holds them: what the journal says, the table that repeats it, the states beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.arena_cache import ArenaCache
from service.behind import Behind, left_behind
from service.checkpoints import Checkpoints
from service.errors import GatecastError, JournalDamaged, JournalError, UnknownSession
from service.faults import again, faults_as
from service.frames import NO_TIME, SessionView
from service.journal import Beginning, Checkpoint, Head, Journal, Readings
from service.known import Known
from service.lapse import expired
from service.names import outside
from service.owed import Owed
from service.quota import Quota
from service.sessions import UNKNOWN, SessionTable
from service.share import Share
from service.views import view_of

BROKEN = "the journal failed; ask for the session's last step, then send again what it lacks"

Rows = NDArray[np.int64]


class Registry:
    """Keeps table and arena in step with the journal: nothing stands in them that the journal does not have."""

    def __init__(
        self,
        journal: Journal,
        table: SessionTable,
        cache: ArenaCache,
        checkpoints: Checkpoints,
        frequency: Frequency,
        known: Known,
        share: Share,
        quota: Quota,
        owed: Owed,
    ) -> None:
        self.quota = quota
        self.owed = owed
        self.journal = journal
        self.table = table
        self.cache = cache
        self.checkpoints = checkpoints
        self.known = known
        self.behind: dict[int, Behind] = {}  # by row, states that were at hand when another process moved on
        self.changed: Callable[[str], None] = lambda _: None  # told of those made, replaced or deleted here
        self.tail = 1  # readings that may not be folded yet; how many an earlier run left, the first fold tells
        self.shortest_ttl = float("inf")  # in seconds, of all sessions that were seen here
        self._frequency = frequency
        self._share = share
        self._expired: dict[str, Head] = {}  # of those that were asked for last and are not here
        self._damaged: dict[str, JournalDamaged] = {}  # sessions that could not be read when they were last asked for

    def find(self, names: list[str]) -> Rows:
        """The row of each session, UNKNOWN where the journal has none of that name."""
        rows = self.table.find(names)
        if (rows >= 0).all():
            return rows
        missing = list({names[at] for at in np.flatnonzero(rows == UNKNOWN).tolist()})
        try:
            with faults_as(JournalError, BROKEN):
                heads = self.journal.heads(missing)
        except JournalDamaged:
            heads = [self._undamaged(name) for name in missing]  # so that the damage concerns that session alone
        else:
            self._damaged.clear()
        self._expired = {head.name: head for head in heads if head is not None and head.expired}
        for head in heads:
            if head is not None and not head.expired:
                self.adopt(head)
        return self.table.find(names)

    def refresh(self, names: Collection[str]) -> bool:
        """Asks a shared journal where these sessions stand now; whether one stands elsewhere than was known."""
        moved = False
        asked = list(names)
        with faults_as(JournalError, BROKEN):
            heads = self.journal.heads(asked)
        for name, head in zip(asked, heads, strict=True):
            row = self.table.row(name)
            if head is None or head.expired:
                if row != UNKNOWN:
                    self.forget(np.array([row]))
                    moved = True
            elif row == UNKNOWN or not self._stands(row, head):
                left = left_behind(self.table, self.cache, row, head)
                self.adopt(head)
                if left is not None:
                    self.behind[row] = left
                moved = True
            else:
                self.table.first_step[row] = head.first_step
        return moved

    def row(self, name: str) -> int:
        """The row of one session; `UnknownSession` if there is none of that name."""
        if self.journal.shared:
            self.refresh([name])
        return self.known_row(name)

    def known_row(self, name: str) -> int:
        """As `row`, without asking whether another process has moved it."""
        row = int(self.find([name])[0])
        if row == UNKNOWN:
            raise self.unknown(name)
        return row

    def unknown(self, name: str) -> GatecastError:
        """The error of a session that `find` has not found: another worker's, damaged, expired, or nobody's."""
        if (other := self._share.misdirected(name)) is not None:
            return other
        if name in self._damaged:
            return again(self._damaged[name])
        if name in self._expired:
            return expired(self._expired[name])
        return UnknownSession(f"there is no session {outside(name)!r}; create it first (PUT /v1/sessions/{{id}})")

    def head(self, name: str) -> Head | None:
        with faults_as(JournalError, BROKEN):
            return self.journal.head(name)

    def adopt(self, head: Head) -> int:
        """Sets a session as the journal has it; what state it had in the arena is dropped."""
        row = self.table.row(head.name)
        if row != UNKNOWN:
            self.cache.release(np.array([row]))
        if head.ttl:
            self.shortest_ttl = min(self.shortest_ttl, head.ttl)
        kind = self.cache.monitors.beside.kind(head.regime, head.calibrate, head.quality)
        return self.table.put(head, head.start == NO_TIME, self.known.row(head.static), kind)

    def install(self, row: int, state: NDArray[np.float32], saved_step: int) -> None:
        """Puts one session's state (state,) into the arena, of which the journal has a checkpoint at `saved_step`."""
        rows = np.array([row])
        self.cache.touch(rows)
        self.cache.install(rows, state[None])
        self.table.saved_step[row] = saved_step

    def record(self, rows: Rows, steps: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Writes readings to the journal, durable on return; (readings,) bool: whether each followed there.

        Those of one session stand side by side in ascending steps.
        """
        table = self.table
        with faults_as(JournalError, BROKEN):
            unborn = table.unborn[rows]
            if not unborn.any():
                return self._append(rows, steps, values)
            refused = self._bear({row: values[rows == row] for row in np.unique(rows[unborn]).tolist()})
            accepted = unborn & ~np.isin(rows, refused)
            accepted[~unborn] = self._append(rows[~unborn], steps[~unborn], values[~unborn])
            return accepted

    def append(self, rows: Rows, steps: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """As `record`, of sessions that are all born."""
        with faults_as(JournalError, BROKEN):
            return self._append(rows, steps, values)

    def refreshed(self, row: int) -> bool:
        """Whether somebody else has let go of readings of this session; the table then says so too."""
        table, head = self.table, self.head(self.table.name(row))
        if head is None or (head.key, head.revision) != (table.key[row], table.revision[row]):
            return False
        before, table.first_step[row] = int(table.first_step[row]), head.first_step
        return before != head.first_step

    def recorded(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        """The readings of steps `first` to `last` (n, width), as far as they are kept.

        None where they are damaged, and of a session that another process has deleted.
        """
        with faults_as(JournalError, BROKEN):
            try:
                return self.journal.readings(key, first, last)
            except (JournalDamaged, UnknownSession):
                return np.empty((0, self.table.last_values.shape[1]))

    def forget(self, rows: Rows) -> None:
        """Drops sessions from table and arena: when they speak again, the journal says where they stand."""
        rows = rows[self.table.key[rows] >= 0]
        self.cache.release(rows)
        for row in rows.tolist():
            self.behind.pop(row, None)
            self.table.remove(row)

    def forget_all(self) -> None:
        """As `forget`, of all sessions."""
        self.forget(self.table.rows())

    def drop(self, name: str) -> None:
        """As `forget`, of one session if it stands here."""
        row = self.table.row(name)
        if row != UNKNOWN:
            self.forget(np.array([row]))

    def create(self, begun: Beginning, state: Checkpoint | None, replace: bool) -> int:
        """A session in the journal and here, with the state after its history if it has one; returns its row.

        `TooManySessions` where there is none to `replace` and the tenant may have no more.
        """
        put = self.journal.replace if replace else self.journal.create
        row = self.begin(begun.name, not replace, lambda: put(begun, state))
        if state is not None:
            self.install(row, state.body, state.step)
        return row

    def begin(self, name: str, new: bool, put: Callable[[], Head]) -> int:
        """A session that `put` makes in the journal, `new` or in the place of another; as `create`."""
        if new:
            self.quota.check(name)
        with faults_as(JournalError, BROKEN):
            head = put()
        self.drop(name)
        row = self.adopt(head)
        self._tell(name, int(new))
        return row

    def delete(self, name: str) -> None:
        """Forgets a session, one that has expired or is damaged too; `UnknownSession` if there is none."""
        rows = self.find([name])
        if rows[0] == UNKNOWN and name not in self._expired and name not in self._damaged:
            raise self.unknown(name)
        with faults_as(JournalError, BROKEN):
            self.journal.delete(name)
        self.tail = max(self.tail, 1)  # the next fold clears away what is left of it
        self.forget(rows[rows != UNKNOWN])
        self._tell(name, -1)

    def _tell(self, name: str, sessions: int) -> None:
        """There are so many sessions more than before, and what was remembered of one of this name is over."""
        self.owed.forget(name)
        self.quota.add(name, sessions)
        self.changed(name)

    def _stands(self, row: int, head: Head) -> bool:
        table = self.table
        here = int(table.key[row]), int(table.revision[row]), int(table.last_step[row])
        return here == (head.key, head.revision, head.last_step)

    def view(self, row: int, created: bool = False) -> SessionView:
        """Where a session stands."""
        return view_of(self.table, row, self._frequency, self.known, self.journal.durable, created)

    def _undamaged(self, name: str) -> Head | None:
        """The session, or None where there is none or it is damaged, of which `unknown` then tells."""
        self._damaged.pop(name, None)
        try:
            return self.head(name)
        except JournalDamaged as damage:
            self._damaged[name] = damage
            return None

    def _append(self, rows: Rows, steps: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        if len(rows) == 0:
            return np.zeros(0, np.bool_)
        self.tail += len(rows)
        return self.journal.append(Readings(self.table.key[rows], self.table.revision[rows], steps, values))

    def _bear(self, values: dict[int, NDArray[np.float64]]) -> list[int]:
        """The first readings of sessions, by row, and with them their starts, in one write.

        Returns the rows of those that somebody else has begun meanwhile, or deleted.
        """
        table, beginnings = self.table, []
        heads = self.journal.heads([table.name(row) for row in values])
        for (row, readings), head in zip(values.items(), heads, strict=True):
            if head is not None:
                made = head.name, int(table.start[row]), head.origin, readings, head.static, head.regime, head.ttl
                place = int(table.revision[row]), int(table.key[row]), head.parent
                beginnings.append(Beginning(*made, *place, head.calibrate, head.quality))
        begun = {head.name: head for head in self.journal.replace_all(beginnings) if head is not None}
        for row in [row for row in values if table.name(row) in begun]:
            table.revision[row], table.unborn[row] = begun[table.name(row)].revision, False
        return [row for row in values if table.name(row) not in begun]
