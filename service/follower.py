"""A second model over the same journal that keeps up with the one that serves, and answers nobody."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.batching import padded
from service.core import Core
from service.errors import GatecastError, InternalError
from service.faults import faults_as
from service.followed import Moved
from service.links import Links
from service.pace import Pace
from service.rebuilding import Rebuilding, check_finite
from service.refusals import CandidateFailed
from service.scores import Duel, Scores

Role = Literal["candidate", "previous"]

AIM = 0.75  # of its time, while it rebuilds: many pieces, of which each may take longer than was expected


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

    Both in the time that one batch takes: what does not fit is put off, and what is put off for longer than a batch
    is left out, so that its sessions are rebuilt. Whatever goes wrong in it ends it, and nothing else. Of a model that
    served before, a session whose forecast is not finite any more is let go alone: all others may have to come back.
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
        self._came: list[Moved] = []  # since the last turn
        self._moved: deque[Moved] = deque()  # to be followed
        self._rebuilds_first = False  # at every other turn: so it ends, however long it takes to keep up
        self._ordinary = Pace()  # of the leader's batches, by readings
        self._paces: dict[tuple[bool, bool], Pace] = {}  # its own: with forecasts or not, with single readings or not
        self._rebuilding = Rebuilding(core, leader, links, core.clock, role == "candidate")
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
        self._came.append(moved)

    def turn(self, batch: float) -> bool:
        """Follows what was recorded, then rebuilds a little; False if there was nothing to do, or all is over.

        `batch`: seconds that the batch before this turn took, 0.0 if there was none.
        """
        if self.error is not None:
            return False
        began = self.core.clock()
        try:
            with faults_as(InternalError, "it raised"):
                seconds = self._allowance(batch)
                until = began + seconds
                self._rebuilds_first = not self._rebuilds_first
                if len(self._rebuilding) and self._rebuilds_first:
                    self._rebuilding.turn(until, least=True)
                    self._keep_up(until, least=False)
                    return True
                followed = self._keep_up(until)
                return self._rebuilding.turn(until) or followed
        except GatecastError as error:
            self.fail(error)
            return True

    def finish(self) -> None:
        """Follows all that was put off: at most one batch."""
        try:
            with faults_as(InternalError, "it raised"):
                self._moved += self._came
                self._came.clear()
                self._keep_up(math.inf)
        except GatecastError as error:
            self.fail(error)

    def changed(self, name: str) -> None:
        """A session was made, replaced or deleted by the leader."""
        self.core.registry.drop(name)
        row = self.leader.table.row(name)
        if row >= 0:
            self._rebuilding.want([row])

    def forget_all(self) -> None:
        """Sessions come again when the leader has them again."""
        self._came.clear()
        self._moved.clear()
        self._rebuilding.forget_all()
        self.core.registry.forget_all()

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
        self._came.clear()
        self._moved.clear()

    def _allowance(self, batch: float) -> float:
        """Seconds that it may take now: as long as the batch before, but not what held that one up."""
        came = sum(map(_readings, self._came))
        for moved in self._came:
            self._rebuilding.came(moved)
        self._moved += self._came
        self._came.clear()
        if came:
            self._ordinary.took(came, batch)
        ordinary = min(batch, self._ordinary.expected(came)) if came else 0.0
        aim = AIM if len(self._rebuilding) else 1.0
        return aim * max(ordinary, self.core.settings.follower_seconds)

    def _keep_up(self, until: float, least: bool = True) -> bool:
        """Follows what fits, or the least that can be; False if there was nothing to follow."""
        if not self._moved:
            return False
        scored, parts = self.level, 0
        while self._moved:
            moved, theirs = self._fresh(self._moved.popleft())
            if not len(moved.turns):
                continue
            single = bool((moved.turns.lengths == 1).all())
            pace, left = self._pace(scored, single), until - self.core.clock()
            exact = single and self.core.runtime.any_size  # else what runs is padded, and takes as long as that
            readings = _readings(moved) if exact else padded(_readings(moved))
            fits = pace.fitting(readings, left) if left > 0 and (least or pace.known) else 0
            if fits < readings and not exact:
                fits = padded(fits + 1) // 2
            if not fits and not parts and least:  # what takes hardly longer than the least that can be done
                fits = max(1, pace.fitting(readings, 2 * pace.expected(1)))
            if not fits:
                self._moved.appendleft(moved)
                break
            now, later = moved.parted(fits)
            if len(later.turns):
                self._moved.appendleft(later)
            began, readings = self.core.clock(), _readings(now)
            self._follow(now, theirs[: len(now.turns)], scored)
            pace.took(readings if exact else padded(readings), self.core.clock() - began)
            parts += 1
        behind = sum(map(_readings, self._moved))
        while behind > self.core.limit:
            lost, kept = self._moved.popleft().parted(behind - self.core.limit)
            if len(kept.turns):
                self._moved.appendleft(kept)
            behind -= _readings(lost)
            self._rebuilding.want(lost.turns.rows.tolist())
        return True

    def _pace(self, scored: bool, single: bool) -> Pace:
        """Of such parts; as long as none was seen, others let guess what the least of them takes."""
        known = self._paces.get((scored, single))
        if known is None:
            known = Pace(max((each.expected(1) for each in self._paces.values()), default=0.0))
            self._paces[scored, single] = known
        return known

    def _fresh(self, moved: Moved) -> tuple[Moved, NDArray[np.int64]]:
        """Turns of sessions that stand here where they stood there, and their rows; the others are to be rebuilt."""
        turns = moved.turns
        theirs, ready = self.links.ready(turns.rows, moved.keys, moved.revisions, moved.before)
        if ready.all():
            return moved, theirs
        self._rebuilding.want(turns.rows[~ready].tolist())
        return moved.keep(ready), theirs[ready]

    def _follow(self, moved: Moved, theirs: NDArray[np.int64], scored: bool) -> None:
        """Turns of sessions that all stand here; without `scored` nobody wants to know what would be answered."""
        core = self.core
        turns = moved.turns.moved_to(theirs)
        core.cache.touch(theirs)
        said = np.full(moved.forecasts.shape, np.nan)
        for whole in core.runner.run(turns, moved.values, moved.times, moved.futures, said=scored):
            if scored and self.role == "candidate":
                check_finite(whole.forecasts)
            ran = whole.only(whole.finite) if scored else whole
            core.runner.keep(ran)
            rows = ran.turns.rows
            core.table.advance(rows, core.table.last_step[rows] + ran.turns.lengths, moved.values[ran.turns.last])
            if scored:
                said[_places(theirs, rows)] = ran.forecasts[:, 0]
        known = np.isfinite(said).all(axis=1)
        if known.any():
            self._duel.judge(moved.keep(known), said[known])


def _places(rows: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Where `some` of these rows stand among them."""
    if len(some) == len(rows):
        return slice(None)
    order = np.argsort(rows)
    return order[np.searchsorted(rows, some, sorter=order)]


def _readings(moved: Moved) -> int:
    return int(moved.turns.lengths.sum())
