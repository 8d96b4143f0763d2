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
    from service.journal import Head
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


@dataclass(frozen=True)
class Wish:
    """Which sessions: those whose names begin so, as their clients know them, of one tenant or (None) of all."""

    prefix: str = ""
    tenant: str | None = None

    def of(self, snapshot: Snapshot) -> Iterator[Head]:
        return snapshot.sessions(self.prefix, self.tenant)


def columns_of(snapshot: Snapshot, wanted: Wish, target: str) -> Columns:
    """The table's columns: what the journal's readings are, all static features that its sessions have, whose they are.

    There is a column `tenant` where one of them is a tenant's.
    """
    from datasets.writer import Columns
    from service.names import tenant_of

    covariates = json.loads(str(snapshot.meta.get("covariates", "null")))
    if covariates is None:  # made before journals kept their names
        covariates = [f"x{at}" for at in range(1, snapshot.width)]
    zone = str(snapshot.meta.get("time_zone", "none"))
    static: set[str] = set()
    tenants = False
    for head in wanted.of(snapshot):
        static |= set(head.static)
        tenants |= bool(tenant_of(head.name))
    return Columns(target, tuple(covariates), tuple(sorted(static)), None if zone == "none" else zone, tenants)


def export(
    snapshot: Snapshot, out: Path, wanted: Wish, target: str, told: Callable[[int], None] = lambda _: None
) -> Exported:
    """Writes all sessions with readings that are wanted; `told` is called with each one's readings.

    An older file is replaced by a whole one, or stays: so it does where there are no readings.
    """
    from datasets.frequency import Frequency
    from datasets.writer import Block, write_table
    from service.keys import DEFAULT_TENANT
    from service.names import outside, tenant_of

    frequency = Frequency.parse(str(snapshot.meta["frequency"]))
    columns = columns_of(snapshot, wanted, target)
    sessions = readings = 0

    def blocks() -> Iterator[Block]:
        nonlocal sessions, readings
        for head in wanted.of(snapshot):
            values = snapshot.readings(head)
            told(len(values))
            if not len(values):
                continue
            sessions, readings = sessions + 1, readings + len(values)
            times = frequency.times(head.start, np.arange(head.first_step, head.last_step + 1))
            static = np.array([head.static.get(name, math.nan) for name in columns.static], np.float64)
            whose = tenant_of(head.name) or DEFAULT_TENANT
            yield Block(outside(head.name), times, values, static, whose)

    part = out.with_name(f"{out.name}.part")
    try:
        left_out = write_table(part, columns, blocks(), frequency.has_calendar)
        if readings:
            part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return Exported(sessions, readings, left_out, columns)
