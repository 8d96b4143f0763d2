"""The harness is proven: services with a fault planted are caught, each by the check that is there for it.

The faults are put around a journal and do not depend on which it is; nor does the harness.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bundle import Bundle
from tests.chaos.harness.campaign import Campaign, Plan
from tests.chaos.harness.findings import Check
from tests.chaos.harness.stores import STORES
from tests.chaos.planted import FAULTS

CYCLES = 3  # in which each is caught
CAUGHT_BY = {
    "acknowledged before append": Check.LOST,
    "lost tail": Check.LOST,
    "recorded twice": Check.DOUBLED,
    "applied twice": Check.FORECAST,
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("fault", "journal"),
    [*((fault, "sqlite") for fault in FAULTS), ("lost tail", "redis"), ("recorded twice", "redis")],
)
def test_a_planted_fault_is_caught(bundle: Bundle, tmp_path: Path, fault: str, journal: str) -> None:
    campaign = Campaign(bundle, journal, STORES[journal](tmp_path), Plan(CYCLES), ("tests.chaos.planted", fault))
    found = campaign.run().findings.all
    assert found
    assert found[0].check is CAUGHT_BY[fault], found[0]
