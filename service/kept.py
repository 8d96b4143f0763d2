"""How far back a session's readings are kept, and whether that is enough for a model to begin with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.refusals import WarmUpNotKept
from service.sessions import SessionTable

Rows = NDArray[np.int64]


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
        count, least = int(short.sum()), int(kept[short].min())
        raise WarmUpNotKept(
            f"this model needs {context} readings before its answers are complete, and of {count} live sessions fewer "
            f"are kept, {least} of one: keep more readings, or deploy a model that looks back less far",
            context=context,
            sessions=count,
            least_kept=least,
        )
