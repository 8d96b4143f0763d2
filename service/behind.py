"""States that are a few readings behind, since another process has moved their sessions on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.arena_cache import ArenaCache
from service.journal import Head
from service.sessions import NOWHERE, UNKNOWN, SessionTable


@dataclass(frozen=True, eq=False)
class Behind:
    """A state after a reading that is not the session's last any more."""

    key: int
    revision: int
    step: int
    body: NDArray[np.float32]


def left_behind(table: SessionTable, cache: ArenaCache, row: int, head: Head) -> Behind | None:
    """The state that is at hand of a session that now stands at `head`, if what followed can be replayed from there."""
    if row == UNKNOWN or table.slot[row] == NOWHERE:
        return None
    session, step = (int(table.key[row]), int(table.revision[row])), int(table.last_step[row])
    if session != (head.key, head.revision) or not 0 <= step < head.last_step:
        return None
    return Behind(*session, step, cache.bodies(np.array([row]))[0])
