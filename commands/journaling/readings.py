"""The readings of a journal as a table that `gatecast train` reads."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasets.writer import Block, Columns
    from service.journal.snapshot import Snapshot


@dataclass(frozen=True)
class Exported:
    """What was written."""

    sessions: int
    readings: int
    left_out: int  # readings at times that the zone's clocks skip
    columns: Columns

    def typed(self) -> str:
        """What `gatecast train` is to be told of the file beside its name."""
        target = "" if self.columns.target == "y" else f" --target {self.columns.target}"
        return target + (f" --static {','.join(self.columns.static)}" if self.columns.static else "")


def columns_of(snapshot: Snapshot, prefix: str, target: str) -> Columns:
    """The table's columns: what the journal's readings are, and all static features that its sessions have."""
    from datasets.writer import Columns

    covariates = json.loads(str(snapshot.meta.get("covariates", "null")))
    if covariates is None:  # made before journals kept their names
        covariates = [f"x{at}" for at in range(1, snapshot.width)]
    zone = str(snapshot.meta.get("time_zone", "none"))
    static = sorted({name for head in snapshot.sessions(prefix) for name in head.static})
    return Columns(target, tuple(covariates), tuple(static), None if zone == "none" else zone)


def export(
    snapshot: Snapshot, out: Path, prefix: str, target: str, told: Callable[[int], None] = lambda _: None
) -> Exported:
    """Writes all sessions with readings whose names begin so; `told` is called with each one's readings.

    An older file is replaced by a whole one, or stays: so it does where there are no readings.
    """
    from datasets.frequency import Frequency
    from datasets.writer import Block, write_table

    frequency = Frequency.parse(str(snapshot.meta["frequency"]))
    columns = columns_of(snapshot, prefix, target)
    sessions = readings = 0

    def blocks() -> Iterator[Block]:
        nonlocal sessions, readings
        for head in snapshot.sessions(prefix):
            values = snapshot.readings(head)
            told(len(values))
            if not len(values):
                continue
            sessions, readings = sessions + 1, readings + len(values)
            times = frequency.times(head.start, np.arange(head.first_step, head.last_step + 1))
            static = [head.static.get(name, math.nan) for name in columns.static]
            yield Block(head.name, times, values, np.array(static, np.float64))

    part = out.with_name(f"{out.name}.part")
    try:
        left_out = write_table(part, columns, blocks(), frequency.has_calendar)
        if readings:
            part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return Exported(sessions, readings, left_out, columns)
