"""A calendar on the clock that people live by: put forward and back inside the graph, in every runtime."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession

from export.step_weights import beyond_the_kernel
from models.calendar import CYCLES, Calendar
from models.registry import build
from models.zone import changes
from tests.conftest import small_config

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "UTC"]
NAMES = tuple(CYCLES)
FREE = {0: torch.export.Dim("batch"), 1: torch.export.Dim("time")}


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def test_the_clocks_of_a_zone_change_when_the_world_says_they_do() -> None:
    first, moments, more = changes("Europe/Berlin")
    assert first == 3_600
    found = dict(zip(moments, more, strict=True))
    assert found[seconds(datetime(2024, 3, 31, 1, tzinfo=UTC))] == 3_600
    assert found[seconds(datetime(2024, 10, 27, 1, tzinfo=UTC))] == -3_600
    assert changes("UTC") == (0, (), ())
    with pytest.raises(ValueError, match="'Mars/Olympus' is not known"):
        changes("Mars/Olympus")


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 4_000_000_000))
def test_a_calendar_with_a_zone_is_that_of_the_zones_own_clock(zone: str, moment: int) -> None:
    there = datetime.fromtimestamp(moment, ZoneInfo(zone))
    local = moment + int(there.utcoffset().total_seconds())  # type: ignore[union-attr]
    of_zone, plain = Calendar(NAMES, zone), Calendar(NAMES)
    assert torch.equal(of_zone(torch.tensor([moment])), plain(torch.tensor([local])))


def test_eight_in_the_morning_is_eight_in_the_morning_on_both_sides_of_a_change() -> None:
    calendar = Calendar(("time_of_day",), "Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    days = [seconds(datetime(2024, 10, day, 8, tzinfo=berlin)) for day in (26, 27, 28)]
    assert days[1] - days[0] == 25 * 3_600
    features = calendar(torch.tensor(days))
    assert torch.equal(features[0], features[1])
    assert torch.equal(features[0], features[2])


def test_exported_the_clock_is_put_forward_and_back_too(tmp_path: Path) -> None:
    calendar = Calendar(NAMES, "Europe/Berlin").eval()
    change = seconds(datetime(2024, 10, 27, 1, tzinfo=UTC))
    times = change + 1_800 * torch.arange(-4, 4).reshape(2, 4)
    expected = calendar(times)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own
        program = torch.onnx.export(calendar, (times[:, :3],), dynamo=True, dynamic_shapes=(FREE,), verbose=False)
        traced = torch.jit.trace(calendar, (times[:, :3],), check_trace=False)
    assert program is not None
    program.save(str(tmp_path / "calendar.onnx"))
    session = InferenceSession(str(tmp_path / "calendar.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: times.numpy()})
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert torch.equal(traced(times), expected)


def test_a_model_that_keeps_another_clock_is_left_to_its_graphs_and_one_of_an_unknown_zone_is_refused() -> None:
    model = build(small_config(calendar_zone="Europe/Berlin"))
    assert beyond_the_kernel(model) == "the clock of Europe/Berlin"
    with pytest.raises(ValueError, match="'Mars' is not known"):
        build(small_config(calendar_zone="Mars"))
