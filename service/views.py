"""Where a session stands, as callers are told it."""

from __future__ import annotations

import numpy as np

from datasets.frequency import Frequency
from service.frames import SessionView
from service.journal import Durable
from service.known import Known
from service.sessions import SessionTable


def view_of(
    table: SessionTable, row: int, frequency: Frequency, known: Known, durable: Durable, created: bool
) -> SessionView:
    """The session in this row of the table; `created` just now."""
    start, last = int(table.start[row]), int(table.last_step[row])
    first = int(table.first_step[row])
    return SessionView(
        name=table.name(row),
        start=None if table.unborn[row] else start,
        last_step=last,
        last_time=_time(frequency, start, last) if last >= 0 else None,
        revision=int(table.revision[row]),
        durable=durable,
        created=created,
        static=known.named(table.static[row]),
        regime=bool(table.regime[row]),
        calibrate=bool(table.calibrate[row]),
        quality=bool(table.quality[row]),
        first_step=first,
        first_time=_time(frequency, start, first) if first else None,
        ttl=int(table.ttl[row]),
    )


def _time(frequency: Frequency, start: int, step: int) -> int:
    return int(frequency.times(start, np.array([step]))[0])
