"""The short campaign: a service that is killed under load, again and again, has lost nothing and repeated nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bundle import Bundle
from tests.chaos.harness.campaign import Campaign, Plan
from tests.chaos.harness.stores import STORES

CYCLES = 6  # `make chaos` runs 200


@pytest.mark.timeout(300)
@pytest.mark.parametrize("journal", ["sqlite", "redis"])
def test_killed_at_random_moments_under_load_it_goes_on_as_if_nothing_had_been(
    bundle: Bundle, tmp_path: Path, journal: str
) -> None:
    tally = Campaign(bundle, journal, STORES[journal](tmp_path), Plan(CYCLES, quiet=5, early=3)).run()
    assert tally.findings.all == []
    assert tally.cycles == CYCLES
    assert tally.loaded + tally.quiet == CYCLES, tally.in_flight
    assert tally.quiet == 1
    assert tally.at_start > 0
    assert tally.failed_calls == 0
    assert tally.calls > CYCLES
    assert tally.compared.forecasts > tally.spoken
    assert tally.compared.states == tally.spoken
    assert 0 < tally.compared.worst_forecast <= 1
    assert 0 < tally.compared.worst_state <= 1
