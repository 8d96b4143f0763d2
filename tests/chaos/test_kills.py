"""The short campaign: a service that is killed under load, again and again, has lost nothing and repeated nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bundle import Bundle
from tests.chaos.harness.campaign import Campaign, Plan
from tests.chaos.harness.stores import STORES

CYCLES = 6  # `make chaos` runs 200


@pytest.mark.parametrize("journal", STORES)
def test_killed_at_random_moments_under_load_it_goes_on_as_if_nothing_had_been(
    bundle: Bundle, tmp_path: Path, journal: str
) -> None:
    tally = Campaign(bundle, journal, STORES[journal](tmp_path), Plan(CYCLES)).run()
    assert tally.findings.all == []
    assert tally.cycles == CYCLES
    assert tally.share >= 0.9, tally.in_flight
    assert tally.failed_calls == 0
    assert tally.calls > CYCLES
    assert tally.unheard > 0, "no kill came between a record and its answer"
    assert tally.compared.forecasts > tally.sessions
    assert tally.compared.states == tally.sessions
    assert 0 < tally.compared.worst_forecast <= 1
    assert 0 < tally.compared.worst_state <= 1
