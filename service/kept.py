"""How far back sessions' readings are kept, and whether that is enough for a model to begin with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import JournalError
from service.faults import faults_as
from service.journal import Head, Journal, Wanted
from service.refusals import WarmUpNotKept
from service.sessions import SessionTable

PIECE = 100  # sessions of the journal that are looked at before the stream has its turn

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Short:
    """What was found so far of sessions that keep too little, of those up to the name `after`; None: of all."""

    sessions: int = 0
    least: int = 0
    after: str | None = ""

    def check(self, context: int) -> None:
        """`WarmUpNotKept` where there is one."""
        if self.sessions:
            raise WarmUpNotKept(
                f"this model needs {context} readings before its answers are complete, and of {self.sessions} sessions "
                f"fewer are kept, {self.least} of one: keep more readings, or deploy a model that looks back less far",
                context=context,
                sessions=self.sessions,
                least_kept=self.least,
            )


def oldest_kept(table: SessionTable, rows: Rows) -> Rows:
    """The oldest step of each session whose reading is kept."""
    return table.first_step[rows]


def check_warm_up(context: int, oldest: Rows, last: Rows) -> None:
    """`WarmUpNotKept` where a session's readings `oldest` to `last` are too few for a model of this context.

    Of a session whose first reading is kept no model can want more.
    """
    kept = last - oldest + 1
    short = (oldest > 0) & (kept < context)
    if short.any():
        Short(int(short.sum()), int(kept[short].min())).check(context)


def look_on(journal: Journal, context: int, digest: str, found: Short) -> Short:
    """The next sessions of the journal, also those that are silent, held against what a model of this context needs.

    One of which a state of this very model (`digest`) is kept from before its oldest reading has all that it needs.
    """
    assert found.after is not None
    with faults_as(JournalError, "the journal could not list its sessions"):
        heads = journal.listing(Wanted(after=found.after, limit=PIECE, expired=False))
        kept = [_kept(head) for head in heads if _is_short(head, context) and not _is_based(journal, head, digest)]
    least = min([found.least] * (found.sessions > 0) + kept, default=0)
    return Short(found.sessions + len(kept), least, heads[-1].name if len(heads) == PIECE else None)


def _kept(head: Head) -> int:
    return head.last_step + 1 - head.first_step


def _is_short(head: Head, context: int) -> bool:
    return head.first_step > 0 and _kept(head) < context


def _is_based(journal: Journal, head: Head, digest: str) -> bool:
    checkpoints = journal.kept(head.key).checkpoints
    return any((each.step, each.digest) == (head.first_step - 1, digest) for each in checkpoints)
