"""What a model costs in service is taken from a real bundle, step by step."""

from __future__ import annotations

from export.golden import Stretch
from export.serving import serving
from models.forecaster import Forecaster
from models.registry import build
from tests.conftest import START, daily_wave, small_config


def test_a_step_of_many_rows_costs_less_a_row_and_a_model_that_does_not_stream_has_none(forecaster: Forecaster) -> None:
    stretches = [Stretch(START, daily_wave(200)[:, None])]
    whole = build(small_config(architecture="bi-gru", hidden=4, layers=1)).eval()
    found = serving({"gru": forecaster, "bi-gru": whole}, stretches, "gru", batches=(1, 64), rounds=3)
    one, many = (found["gru"]["steps"][batch]["seconds"]["median"] for batch in ("1", "64"))
    assert 0 < many / 64 < one
    assert found["gru"]["steps"]["1"]["ratio"] == {"median": 1, "low": 1, "high": 1}
    assert found["bi-gru"]["steps"] == {}
    assert all(entry["bundle_bytes"] > 10_000 for entry in found.values())
