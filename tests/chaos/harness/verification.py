"""What the journal has in the end, against what was acknowledged: each reading once, in order, and the last states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from service.bundle import Bundle
from service.journal import Journal
from tests.chaos.harness.findings import Check, Findings
from tests.chaos.harness.meter import Meter
from tests.chaos.harness.uninterrupted import Compared, Uninterrupted


def verify(bundle: Bundle, journals: Sequence[Journal], meters: Sequence[Meter], findings: Findings) -> Compared:
    """Of a service that has ended; `journals` are those of its processes, each with sessions of its own."""
    states: dict[str, np.ndarray] = {}
    for meter in meters:
        if not meter.made:
            continue
        found = [(journal, head) for journal in journals if (head := journal.head(meter.name)) is not None]
        if len(found) != 1:
            check = Check.DOUBLED if found else Check.LOST
            findings.add(check, meter.name, f"{len(found)} journals have this session")
            continue
        journal, head = found[0]
        _hold(meter, journal.readings(head.key, 0, 10**9)[:, 0], findings)
        checkpoint, _ = journal.load(head.key, bundle.digest)
        if head.last_step < 0:
            continue
        if checkpoint is None or checkpoint.step != head.last_step:
            findings.add(Check.STATE, meter.name, "a service that was told to end has not saved it")
        else:
            states[meter.name] = checkpoint.body
    return Uninterrupted(bundle, meters).compare(states, findings)


def _hold(meter: Meter, recorded: np.ndarray, findings: Findings) -> None:
    """Exactly what was acknowledged: no two readings of a meter are alike, so that any other order shows."""
    promised = meter.values[: meter.acknowledged + 1]
    if len(recorded) < len(promised):
        findings.add(Check.LOST, meter.name, f"{len(promised)} readings were acknowledged, {len(recorded)} are there")
    elif len(recorded) > len(promised):
        findings.add(Check.DOUBLED, meter.name, f"{len(recorded)} readings are there, {len(promised)} were taken")
    elif not np.array_equal(recorded, promised, equal_nan=True):
        at = int(np.flatnonzero((recorded != promised) & ~(np.isnan(recorded) & np.isnan(promised)))[0])
        findings.add(Check.ALTERED, meter.name, f"step {at} has {recorded[at]}, sent was {promised[at]}")
