"""A second model over the same journal that keeps up with the one that serves, and answers nobody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from service.core import Core
from service.errors import GatecastError, InternalError
from service.faults import faults_as
from service.followed import Moved
from service.links import Links
from service.rebuilding import Rebuilding, check_finite
from service.refusals import CandidateFailed
from service.scores import Duel, Scores

Role = Literal["candidate", "previous"]


@dataclass(frozen=True)
class Standing:
    """How far a follower has come."""

    role: Role
    digest: str
    level: bool  # the sessions that were live when it began have their states
    rebuilt: int  # sessions whose states it has made
    left: int  # that wait for it, or are on their way
    lost: int  # whose readings are damaged
    scores: Scores
    error: GatecastError | None


class Follower:
    """Takes each batch that the leader has recorded, after its answers were sent, and rebuilds what it does not have.

    Whatever goes wrong in it ends it, and nothing else. Of a model that served before, a session whose forecast is not
    finite any more is let go alone: all others may have to come back to it.
    """

    def __init__(
        self,
        core: Core,
        leader: Core,
        role: Role,
        links: Links,
        live: Sequence[int] = (),  # rows of the leader's table, those to be rebuilt first first
        until: float = math.inf,  # by the engine's clock
    ) -> None:
        self.core = core
        self.leader = leader
        self.role = role
        self.links = links
        self.until = until
        self.error: GatecastError | None = None
        self._moved: list[Moved] = []
        self._rebuilding = Rebuilding(
            core, leader, links, *core.line_of_its_own(self.fail), self.fail, role == "candidate"
        )
        self._rebuilding.want(live)
        self._rebuilding.first.update(live)
        self._duel = Duel(core.bundle.manifest.quantiles)

    @property
    def level(self) -> bool:
        """Whether the sessions that were live when it began stand where the leader's do."""
        return not self._rebuilding.first

    @property
    def standing(self) -> Standing:
        """Any thread may ask."""
        work = self._rebuilding
        return Standing(
            role=self.role,
            digest=self.core.bundle.digest,
            level=self.level,
            rebuilt=work.rebuilt,
            left=len(work),
            lost=work.lost,
            scores=self._duel.scores,
            error=self.error,
        )

    def take(self, moved: Moved) -> None:
        """Leaves what the leader has recorded for the next `turn`."""
        self._moved.append(moved)

    def turn(self) -> bool:
        """Follows what was recorded, then rebuilds a little; False if there was nothing to do, or all is over."""
        if self.error is not None:
            return False
        moved, self._moved = self._moved, []
        try:
            with faults_as(InternalError, "it raised"):
                for each in moved:
                    self._follow(each)
                came = sum(int(each.turns.lengths.sum()) for each in moved)
                return self._rebuilding.turn(came) or bool(moved)
        except GatecastError as error:
            self.fail(error)
            return True

    def changed(self, name: str) -> None:
        """A session was made, replaced or deleted by the leader."""
        self.core.registry.drop(name)
        row = self.leader.table.row(name)
        if row >= 0:
            self._rebuilding.want([row])

    def fail(self, error: GatecastError) -> None:
        """Ends it; of several errors the first is told."""
        cause = error.__cause__
        why = error.message if cause is None else f"{error.message} ({type(cause).__name__})"
        failure = CandidateFailed(f"this model was given up, the other one serves on: {why}")
        failure.__cause__ = error
        self.end(failure)

    def end(self, error: GatecastError) -> None:
        """Nothing more is done."""
        self.error = self.error or error
        self._rebuilding.ended = True
        self._moved.clear()

    def _follow(self, moved: Moved) -> None:
        """The turns of sessions that stand here where they stood there; the others have to be rebuilt."""
        turns, core = moved.turns, self.core
        theirs, ready = self.links.ready(turns.rows, moved.keys, moved.revisions, moved.before)
        if not ready.all():
            self._rebuilding.want(turns.rows[~ready].tolist())
        if not ready.any():
            return
        some = np.flatnonzero(ready)
        ours = turns.moved_to(theirs).keep(ready)
        core.cache.touch(ours.rows)
        said = np.full((len(turns), moved.forecasts.shape[1]), np.nan)
        order = np.argsort(ours.rows)
        for whole in core.runner.run(ours, moved.values, moved.times, moved.futures):
            if self.role == "candidate":
                check_finite(whole.forecasts)
            ran = whole.only(whole.finite)
            core.runner.keep(ran)
            rows = ran.turns.rows
            core.table.advance(rows, core.table.last_step[rows] + ran.turns.lengths, moved.values[ran.turns.last])
            said[some[order[np.searchsorted(ours.rows, rows, sorter=order)]]] = ran.forecasts[:, 0]
        some = some[np.isfinite(said[some]).all(axis=1)]
        if len(some):
            self._duel.judge(moved, some, said[some])
