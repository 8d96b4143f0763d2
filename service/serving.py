"""Which model serves, and which one follows it: asked by those who work for both at every turn."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from service.core import Core
from service.errors import GatecastError
from service.events import Observer
from service.faults import again
from service.follower import Follower
from service.histories import Histories
from service.refusals import CandidateFailed, NoRollback
from service.replies import Caller, Replies


class Serving:
    """Holds the core that serves now. Only the engine's thread changes it, and only between two batches."""

    core: Core  # set before the engine starts

    def __init__(self, replies: Replies, observer: Observer, clock: Callable[[], float]) -> None:
        self.follower: Follower | None = None
        self.fallen: Follower | None = None  # the one that failed last, for whoever asks why
        self.steady = Lock()  # held while one model takes another's place, with all that tells of it
        self.leaving: list[Histories] = []  # of cores that are gone but for histories that callers wait for
        self.waiting: list[Caller] = []  # for the follower to be level
        self._turns = 0
        self._replies = replies
        self._observer = observer
        self._clock = clock

    def run_chunk(self) -> bool:
        """One chunk of histories that callers wait for, of the lines in turn; False if there is none.

        So they hold up the stream for one chunk, however many models they were given to.
        """
        self.leaving = [each for each in self.leaving if each]
        lines = self.histories()
        for at in range(len(lines)):
            line = lines[(self._turns + at) % len(lines)]
            if line.run_chunk():
                self._turns += at + 1
                return True
        return False

    def follow(self, batch: float) -> bool:
        """What is put off until answers are sent: the batch again, a little rebuilding; False if there is nothing.

        `batch`: seconds that the batch of this turn took, 0.0 if there was none.
        """
        follower = self.follower
        if follower is None:
            return False
        worked = follower.turn(batch)
        if follower.error is not None:
            self.drop(follower.error)
        elif self._clock() >= follower.until:
            self.drop(NoRollback("the time to take it back is over"))
        elif self.waiting and follower.level:
            self._tell(None)
        self._replies.send()
        return worked

    def forget_all(self) -> None:
        """Nothing counts that is known here of sessions of a shared journal: they may have another past."""
        self.core.registry.forget_all()
        if self.follower is not None:
            self.follower.forget_all()

    def drop(self, error: GatecastError) -> None:
        """The follower ends; callers of its core are still answered."""
        follower, self.follower = self.follower, None
        if follower is None:
            return
        self.core.followed.by = None
        follower.end(error)
        if isinstance(error, CandidateFailed):
            self.fallen = follower
            self._observer.fault(error)
        if follower.core.histories:
            self.leaving.append(follower.core.histories)
        self._tell(error)

    def histories(self) -> list[Histories]:
        """All lines that somebody may wait in."""
        own = [] if self.follower is None else [self.follower.core.histories]
        return [self.core.histories, *own, *self.leaving]

    def stop(self, error: GatecastError) -> None:
        """Nothing will be run any more."""
        for line in self.histories():
            line.abandon(error)
        self._tell(error)

    def _tell(self, error: GatecastError | None) -> None:
        waiting, self.waiting = self.waiting, []
        for caller in waiting:
            self._replies.answer(caller, True if error is None else again(error))
