"""What the target can be: forecasts below zero or between whole numbers are held to it, and nothing else is changed."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.config import ForecasterConfig
from models.evaluation.panel import Panel, Stretch
from models.registry import build
from models.support import ANY, Support
from models.training.declared import require_declared
from service.runtimes.fake import fake_bundle
from service.support import held
from tests.conftest import small_config

numbers = st.floats(-1e15, 1e15)


def hold(support: Support, *values: float) -> list[float]:
    found: list[float] = support.hold(torch.tensor(values, dtype=torch.float64)).tolist()
    return found


def test_without_a_declaration_not_a_bit_is_changed() -> None:
    values = torch.tensor([-0.0, -3.7, float("nan"), 1e300], dtype=torch.float64)
    assert ANY.hold(values) is values


def test_a_whole_quantile_is_the_smallest_number_whose_distribution_function_reaches_the_level() -> None:
    """Of a whole number that is what a normal variable is rounded to, by its definition."""
    latent = NormalDist(3.3, 2.4)
    for level in (0.025, 0.1, 0.3, 0.5, 0.8, 0.975):
        smallest = next(k for k in range(-50, 50) if latent.cdf(k + 0.5) >= level)
        assert hold(Support(integer=True), latent.inv_cdf(level)) == [smallest]


def test_a_tie_goes_to_the_smaller_of_the_two_that_reach_the_level() -> None:
    assert hold(Support(integer=True), 0.5, 1.5, -0.5, math.nextafter(0.5, 1.0)) == [0.0, 1.0, -1.0, 1.0]


@given(st.lists(numbers, min_size=2, max_size=9).map(sorted), st.booleans(), st.booleans())
def test_quantiles_stay_in_order_and_are_what_was_declared(
    values: list[float], non_negative: bool, integer: bool
) -> None:
    found = hold(Support(non_negative, integer), *values)
    assert found == sorted(found)
    assert not non_negative or min(found) >= 0
    assert not integer or all(value == round(value) for value in found)
    assert not (non_negative or integer) or all(math.copysign(1.0, value) > 0 for value in found if value == 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_forecast_that_is_not_finite_is_not_made_to_look_like_one(value: float) -> None:
    found = hold(Support(non_negative=True, integer=True), value)[0]
    assert math.isnan(found) if math.isnan(value) else found == value


@given(st.lists(numbers, min_size=1, max_size=9), st.booleans(), st.booleans())
def test_beside_the_graphs_the_same_is_held(values: list[float], non_negative: bool, integer: bool) -> None:
    manifest = fake_bundle().manifest.model_copy(update={"non_negative": non_negative, "integer": integer})
    np.testing.assert_array_equal(held(np.array(values), manifest), hold(Support(non_negative, integer), *values))


def panel(*readings: float) -> Panel:
    values = np.array([*readings, *readings])[:, None]
    return Panel((Stretch(values, np.arange(len(values))),), (2,), (3,))


def declared(**which: bool) -> ForecasterConfig:
    return small_config(**which)


def test_readings_that_contradict_what_was_declared_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ValueError, match=r"--non-negative .* 2 of its 6 readings are not, such as -2:"):
        require_declared(panel(1.0, -2.0, math.nan, 4.0), declared(non_negative=True))
    with pytest.raises(ValueError, match=r"--integer .* such as 0\.5: mend them, or leave --integer out"):
        require_declared(panel(1.0, 0.5), declared(integer=True))
    require_declared(panel(1.0, 0.0, math.nan), declared(non_negative=True, integer=True))
    require_declared(panel(-1.0, 0.5), declared())


@torch.no_grad()
def test_an_ensemble_rounds_the_mean_of_its_members_and_not_each_of_them() -> None:
    torch.manual_seed(0)
    free = build(small_config(architecture="ensemble", members=("gru", "lstm")))
    whole = build(replace(free.config, integer=True))
    whole.load_state_dict(free.state_dict())
    values = torch.randn(3, 30, 1, dtype=torch.float64) * 3
    times, lengths = 3_600 * torch.arange(30).repeat(3, 1), torch.tensor([30, 11, 2])
    start = free.initial().repeat(3, 1)
    expected, state = free.eval().sequence(values, times, lengths, start)
    found, after = whole.eval().sequence(values, times, lengths, start)
    assert torch.equal(found, Support(integer=True).hold(expected))
    assert torch.equal(after.nan_to_num(), state.nan_to_num())
