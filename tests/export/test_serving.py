"""What a model costs in service is taken from a real bundle, step by step."""

from __future__ import annotations

import pytest

from export.serving import served
from service.bundle import Bundle


def test_a_row_costs_less_among_many_and_models_are_timed_side_by_side(bundle: Bundle) -> None:
    found = served({"one": bundle, "same": bundle}, "one", batches=(1, 64), rounds=3)
    alone, among = (found["one"]["steps"][batch]["seconds"]["median"] for batch in ("1", "64"))
    assert 0 < among / 64 < alone
    assert found["one"]["steps"]["1"]["ratio"] == {"median": 1, "low": 1, "high": 1}
    assert found["same"]["steps"]["64"]["ratio"]["median"] == pytest.approx(1, rel=0.9)
    assert found["one"]["bundle_bytes"] == sum(file.stat().st_size for file in bundle.path.iterdir())
