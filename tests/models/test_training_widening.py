"""Bands that are widened in the end: by what the validation part asks for, in the weights, once, and never narrowed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecaster import Forecaster
from models.training.checkpoint import Checkpoint
from models.training.loop import Training
from models.training.validation import Validation
from models.training.widening import SHIFTS, raised, widen, wider_by
from tests.models.panels import SETTINGS, small_training
from tests.models.test_training_loop import assert_same_weights

WIDENING = replace(SETTINGS, widen=True)


def forecasts(model: Forecaster, validation: Validation) -> torch.Tensor:
    return torch.cat([piece.quantiles.flatten(0, 1) for piece, _, _ in validation.pieces(model)])


def narrow(**changes: object) -> Training:
    """A trained net whose bands are a little narrower than the validation part would have them."""
    training = small_training(**changes)
    training.run(lambda _: None, lambda _: None)
    while wider_by(training.model, training.validation) < 0.2:
        widen(training.model, -0.25)
    return training


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-2, 2), seed=st.integers(0, 99))
def test_raised_quantiles_are_those_of_the_raised_weights(shift: float, seed: int) -> None:
    training = small_training(replace(SETTINGS, seed=seed))
    before = forecasts(training.model, training.validation)
    widen(training.model, shift)
    after = forecasts(training.model, training.validation)
    median = training.model.config.quantiles.index(0.5)
    torch.testing.assert_close(raised(before, median, shift), after, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(before[:, median], after[:, median])
    assert (after.diff(dim=-1) >= 0).all()


@pytest.mark.parametrize("decoder", ["plain", "local"])
def test_the_narrower_the_bands_the_more_they_are_widened(decoder: str) -> None:
    training = narrow(decoder=decoder)
    asked = wider_by(training.model, training.validation)
    widen(training.model, -0.5)
    assert wider_by(training.model, training.validation) == pytest.approx(asked + 0.5, abs=0.051)
    widen(training.model, asked + 0.5)
    assert wider_by(training.model, training.validation) == pytest.approx(0.0, abs=0.051)


def test_the_shift_that_is_found_has_the_least_loss_of_all_that_were_tried() -> None:
    training = narrow()
    found, losses = wider_by(training.model, training.validation), {}
    for shift in (0.0, *SHIFTS):
        widen(training.model, shift)
        losses[shift] = training.validation.loss(training.model)
        widen(training.model, -shift)
    assert found > 0
    assert losses[found] == pytest.approx(min(losses.values()), rel=1e-4)


def test_bands_that_are_too_wide_are_left_as_they_are() -> None:
    training = narrow()
    widen(training.model, 2.0)
    assert wider_by(training.model, training.validation) == 0.0


def test_a_run_ends_with_them_and_says_by_how_much() -> None:
    def begun() -> Training:
        training = small_training(replace(WIDENING, rate=1e-9))  # its weights stay as they are
        training.model.load_state_dict(start)
        return training

    sure = narrow()
    start, asked = sure.model.state_dict(), wider_by(sure.model, sure.validation)
    training, saved = begun(), list[Checkpoint]()
    place = training.run(lambda _: None, saved.append).place
    assert place.widened == asked
    assert place.best == pytest.approx(training.validation.loss(training.model))
    assert place.best < sure.validation.loss(sure.model)
    assert saved[-1].place == place
    again = begun()
    again.restore(saved[-1])
    assert again.run(lambda _: None, lambda _: None).place.widened == place.widened  # and not a second time
    assert_same_weights(again, training)


def test_members_of_an_ensemble_are_widened_together() -> None:
    training = small_training(WIDENING, architecture="ensemble", members=("gru", "lstm"))
    place = training.run(lambda _: None, lambda _: None).place
    assert place.widened is not None
    assert place.best == pytest.approx(training.validation.loss(training.model))


def test_a_single_quantile_has_no_band() -> None:
    training = small_training(WIDENING, quantiles=(0.5,))
    assert training.run(lambda _: None, lambda _: None).place.widened == 0.0
