"""Letting go of old readings: the state before those that stay was marked, or is replayed, and then the others go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine_settings import EngineSettings
from service.errors import GatecastError, JournalDamaged, JournalError, StaleSession, StateLost, UnknownSession
from service.events import Observer
from service.faults import faults_as
from service.histories import Histories, Window
from service.journal import Checkpoint, Release, Wanted
from service.keeping import Keeping
from service.marks import Marks
from service.registry import Registry
from service.replays import Replays
from service.sessions import NOWHERE, UNKNOWN

LOOKED_AT = 65_536  # sessions of the table that are looked at in one piece
PAGE = 64  # sessions of the journal that are
PAGE_SECONDS = 0.1  # from one page to the next
MOST_STEPS = 65_536  # readings of a session that go at once
TOGETHER = 64  # sessions that go in one piece without a replay
APART = 0.75  # of what a session may have beside what is kept: so many readings lie between two marks
MOST_FAILED = 1024  # sessions of which it is remembered that they cannot be replayed

Session = tuple[int, int]  # key and revision


@dataclass(frozen=True, eq=False)
class Ended:
    """What a session can let go of, since the state before the others is known."""

    row: int
    session: Session
    first: int  # the oldest reading that stays for now
    kept: int  # the oldest one that is to be kept
    state: NDArray[np.float32]  # after step `first - 1`
    replayed: bool = True  # or marked when the session was there


class Retention:
    """Looks for sessions that hold a good deal more than is to be kept: again and again among those that have spoken.

    The others, which may have come with more from a run that kept more, are looked through once. Of those that speak
    states are marked now and then, so that most need no replay. As many replays as run together are on their way at a
    time, chunk by chunk beside the stream.
    """

    def __init__(
        self,
        keeping: Keeping,
        registry: Registry,
        replays: Replays,
        histories: Histories,
        settings: EngineSettings,
        observer: Observer,
        clock: Callable[[], float],
        alone: Callable[[], bool],
    ) -> None:
        self._keeping = keeping
        self._registry = registry
        self._replays = replays
        self._histories = histories
        self._together = settings.history_batch
        self._chunk = settings.chunk
        self._pause = settings.keep_seconds
        self._observer = observer
        self._digest = replays.pasts.digest
        self._clock = clock
        self._alone = alone  # a model that follows, or may come back, has no state of the step before those that stay
        self._marks = Marks(registry.table, registry.cache.bodies, settings.mark_bytes)
        self._due: dict[int, Session] = {}  # by row of the table, which another session may have by now
        self._guests: dict[int, Session] = {}  # those that are there for this alone
        self._running: set[Session] = set()
        self._ended: list[Ended] = []  # those of one run of chunks go together: one sync of the disk for all of them
        self._failed: dict[Session, int] = {}  # those that could not be replayed, and where they stood
        self._at = 0  # the row to be looked at next
        self._look = self._page = clock()  # when the table is looked at next, and when the journal is
        self._after: str | None = ""  # the last session of the journal that was looked at; None: all were

    def seconds(self) -> float | None:
        """Until a session is due, or is looked for."""
        if self._ended:
            return 0.0
        if len(self._running) >= self._together:
            return None
        if not self._alone():
            return self._pause
        if self._due:
            return 0.0
        times = [self._look] if self._after is None else [self._look, self._page]
        return max(0.0, min(times) - self._clock())

    def piece(self) -> None:
        """Lets go of what it can, and begins with more that are due, or looks for them."""
        if self._ended:
            self._let_go()
            if self._due and self._alone():
                self._begin_some()
        elif self._due:
            self._begin_some()
        elif self._after is not None and self._page <= self._look:
            self._look_at_journal()
        else:
            self._look_at_table()

    def _look_at_table(self) -> None:
        table = self._registry.table
        stop = min(self._at + LOOKED_AT, len(table.key))
        rows = np.arange(self._at, stop)
        spare = self._keeping.spare(table.start[rows], table.last_step[rows])
        self._marks.look(rows, np.ceil(APART * spare).astype(np.int64))
        held = table.last_step[rows] + 1 - table.first_step[rows]
        rows = rows[(table.key[rows] >= 0) & (held > self._keeping.slack)]
        due = self._keeping.due(table.start[rows], table.first_step[rows], table.last_step[rows])
        self._due.update((row, self._session(row)) for row in rows[due].tolist())
        self._at = stop if stop < len(table.key) else 0
        if self._at == 0:
            self._look = self._clock() + self._pause

    def _look_at_journal(self) -> None:
        assert self._after is not None
        self._page = self._clock() + PAGE_SECONDS
        with faults_as(JournalError, "the journal could not list its sessions"):
            heads = self._registry.journal.listing(Wanted(after=self._after, limit=PAGE, expired=False))
        self._after = heads[-1].name if len(heads) == PAGE else None
        heads = [head for head in heads if head.last_step >= 0 and self._registry.table.row(head.name) == UNKNOWN]
        if not heads:
            return
        places = np.array([(head.start, head.first_step, head.last_step) for head in heads]).T
        for at in np.flatnonzero(self._keeping.due(*places)).tolist():
            row = self._registry.adopt(heads[at])
            self._due[row] = self._guests[row] = self._session(row)

    def _begin_some(self) -> None:
        while self._due and len(self._running) < self._together and len(self._ended) < TOGETHER:
            row = next(iter(self._due))
            session = self._due.pop(row)
            last = int(self._registry.table.last_step[row])
            stood = self._failed.get(session)
            if not self._is_there(row, session):
                self._guests.pop(row, None)
                continue
            if last < 0 or session in self._running:
                continue
            if stood is not None and last - stood < self._keeping.slack:
                self._leave(row)
                continue
            try:
                self._begin(row, session)
            except (StateLost, StaleSession, UnknownSession, JournalDamaged):
                self._fail(row, session)

    def _begin(self, row: int, session: Session) -> None:
        table = self._registry.table
        start, last = table.start[row : row + 1], table.last_step[row : row + 1]
        kept, begin = int(self._keeping.first(start, last)[0]), int(table.first_step[row])
        spare = int(self._keeping.spare(start, last)[0])
        mark = self._marks.find(row, max(begin, kept - spare), kept - 1)
        if mark is not None:
            step, state = mark
            self._ended.append(Ended(row, session, step + 1, kept, state, replayed=False))
            return
        going = min(kept - begin, MOST_STEPS)
        if going > self._chunk:
            going -= going % self._chunk  # what is left of a chunk costs nearly as much as a whole one
        first = begin + going
        replay = self._replays.pasts.load(row, first - 1)

        def finished(state: NDArray[np.float32], _: NDArray[np.float64]) -> None:
            self._ended.append(Ended(row, session, first, kept, state))

        def failed(error: GatecastError) -> None:
            self._running.discard(session)
            if isinstance(error, JournalError) and not isinstance(error, JournalDamaged):
                self._leave(row)  # it is found again when the journal works again
            else:
                self._fail(row, session)

        def gone() -> bool:
            if self._is_there(row, session):
                return False
            self._running.discard(session)
            self._guests.pop(row, None)
            return True

        self._running.add(session)
        if len(replay.values):
            self._histories.add(
                Window(replay.values, replay.times, replay.state, finished, failed, gone, static=replay.static)
            )
            return
        finished(replay.state, np.empty((0, 0)))

    def _let_go(self) -> None:
        """Of all that have ended together; one by one where one is damaged, so that no other suffers for it."""
        ended, self._ended = self._ended, []
        self._running.difference_update(each.session for each in ended)
        ended = [each for each in ended if self._is_there(each.row, each.session)]
        if not self._alone():
            for each in ended:
                self._leave(each.row)
            return
        try:
            self._retain_each_or_all(ended)
        except JournalError:
            for each in ended:
                self._leave(each.row)  # it is found again when the journal works again
            raise

    def _retain_each_or_all(self, ended: list[Ended]) -> None:
        try:
            self._retain(ended)
        except JournalDamaged:
            for each in ended:
                try:
                    self._retain([each])
                except JournalDamaged:
                    self._fail(each.row, each.session)

    def _retain(self, ended: list[Ended]) -> None:
        registry, releases = self._registry, []
        for each in ended:
            key, revision = each.session
            base = Checkpoint(each.first - 1, revision, self._digest, each.state)
            releases.append(Release(key, revision, each.first, [base]))
        with faults_as(JournalError, "the journal could not let go of readings"):
            verdicts = registry.journal.retain_all(releases)
        for each, done in zip(ended, verdicts, strict=True):
            if not done:  # somebody else has moved it on
                registry.forget(np.array([each.row]))
                self._guests.pop(each.row, None)
                continue
            self._observer.released(1, each.first - int(registry.table.first_step[each.row]))
            registry.table.first_step[each.row] = each.first
            self._marks.pass_by(each.row, each.first - 1)
            if each.replayed and each.kept - each.first >= self._chunk:
                self._due[each.row] = each.session
            else:
                self._leave(each.row)

    def _fail(self, row: int, session: Session) -> None:
        if len(self._failed) == MOST_FAILED:
            self._failed.clear()
        self._failed[session] = int(self._registry.table.last_step[row])
        self._leave(row)

    def _leave(self, row: int) -> None:
        """A session that nobody but us has asked for goes from the table again."""
        table, session = self._registry.table, self._guests.pop(row, None)
        if session is None or not self._is_there(row, session):
            return
        if table.slot[row] == NOWHERE and table.used[row] == 0:
            self._registry.forget(np.array([row]))

    def _is_there(self, row: int, session: Session) -> bool:
        return self._session(row) == session

    def _session(self, row: int) -> Session:
        table = self._registry.table
        return int(table.key[row]), int(table.revision[row])
