"""Which row of one model's session table is which row of another's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.sessions import NOWHERE, SessionTable

UNTIED = -1

Rows = NDArray[np.int64]


class Links:
    """From rows of the leader's table to rows of the follower's.

    A link says where to look and nothing more: rows are given to other sessions in time, so whoever follows one
    compares keys, revisions and steps.
    """

    def __init__(self, leader: SessionTable, follower: SessionTable) -> None:
        self._leader = leader
        self._follower = follower
        self._tied = np.full(len(leader.key), UNTIED, np.int64)

    def tie(self, rows: Rows, theirs: Rows) -> None:
        self._grow()
        self._tied[rows] = theirs

    def ready(self, rows: Rows, keys: Rows, revisions: Rows, last_steps: Rows) -> tuple[Rows, NDArray[np.bool_]]:
        """The follower's rows of these, and whether each stands at just this place there, its state at hand."""
        self._grow()
        theirs, table = self._tied[rows], self._follower
        at = np.maximum(theirs, 0)
        same = (theirs != UNTIED) & (table.key[at] == keys) & (table.revision[at] == revisions)
        return theirs, same & (table.last_step[at] == last_steps) & (table.slot[at] != NOWHERE)

    def strangers(self) -> Rows:
        """Rows of the follower's table that do not stand where the leader's session stands."""
        self._grow()
        leader, follower = self._leader, self._follower
        rows = np.flatnonzero((self._tied != UNTIED) & (leader.key >= 0))
        theirs = self._tied[rows]
        same = (follower.key[theirs] == leader.key[rows]) & (follower.revision[theirs] == leader.revision[rows])
        level = theirs[same & (follower.last_step[theirs] == leader.last_step[rows])]
        everyone = follower.rows()
        return everyone[~np.isin(everyone, level)]

    def turned(self) -> Links:
        """The same, from the follower's rows to the leader's."""
        other = Links(self._follower, self._leader)
        rows = np.flatnonzero(self._tied != UNTIED)
        other._tied[self._tied[rows]] = rows
        return other

    def _grow(self) -> None:
        more = len(self._leader.key) - len(self._tied)
        if more > 0:
            self._tied = np.append(self._tied, np.full(more, UNTIED, np.int64))
