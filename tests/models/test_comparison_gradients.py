"""Norms of gradients by lag are those of a recurrence whose spectrum is known, and those that autograd finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.comparison.gradients import Reach, features_on, noise, reach, started
from models.comparison.jacobians import jacobian_norms
from models.recurrent import RecurrentForecaster
from tests.conftest import small_config
from tests.models.panels import small_panel


@given(radius=st.floats(0.3, 1.3), width=st.integers(1, 6), seed=st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_a_linear_recurrence_shrinks_or_grows_by_its_spectral_radius_each_step(
    radius: float, width: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    turning = torch.from_numpy(np.linalg.qr(random.normal(size=(width, width)))[0]) * radius
    norms = jacobian_norms(
        lambda given, state: turning @ state + given,
        lambda state: state,
        torch.from_numpy(random.normal(size=(2, 12, width))),
        torch.zeros(2, width),
    )
    expected = torch.tensor([radius**lag for lag in range(13)], dtype=torch.float64).expand(2, -1)
    torch.testing.assert_close(norms, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "min-gru", "residual-gru"])
def test_the_chain_of_steps_is_the_jacobian_of_all_of_them_at_once(name: str) -> None:
    model = started(small_config(architecture=name, hidden=3), seed=1).double().eval()
    assert isinstance(model, RecurrentForecaster)
    features = noise(model, name, 5)[:1].double()

    def outcome(state: Tensor) -> Tensor:
        for place in range(features.size(1)):
            state, _ = model.recur_step(features[:, place], state)
        return model.output(state)

    whole = torch.autograd.functional.jacobian(outcome, model.rest().double().unsqueeze(0))
    expected = torch.linalg.matrix_norm(whole.squeeze(0).squeeze(1), 2)
    found = reach(model, name, "now", features)
    assert found.norms[5] == pytest.approx(float(expected), rel=1e-6)


def test_half_lives_are_lags_at_which_so_much_is_left() -> None:
    norms = 3 * 0.5 ** (np.arange(12) / 2)
    found = Reach("x", "now", norms, norms, norms)
    assert found.lag_at(0.51) == 2
    assert found.lag_at(1e-3) is None
    assert found.largest == (0, 1)
    assert found.to_dict()["half_life"] == 2


def test_gates_reach_further_back_than_a_plain_network_on_real_features() -> None:
    panel = small_panel()
    left = {}
    for name in ("rnn", "gru", "lstm"):
        model = started(small_config(architecture=name, layers=1, hidden=16), 0, panel)
        given = features_on(model, panel, 60)
        assert given.shape == (4, 60, noise(model, name, 1).size(2))
        left[name] = reach(model, name, "at the start", given).last
    assert left["rnn"] < 1e-3 * min(left["gru"], left["lstm"])


def test_too_long_a_way_back_and_a_model_without_steps_are_named() -> None:
    model = started(small_config(), 0)
    with pytest.raises(ValueError, match="--length 199"):
        features_on(model, small_panel(), 400)
    with pytest.raises(ValueError, match="bi-gru is not one network"):
        noise(started(small_config(architecture="bi-gru"), 0), "bi-gru", 4)
