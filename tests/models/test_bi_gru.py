"""The architecture that reads a history both ways: where each direction begins, and how gaps are filled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.bi_gru import BiGRUForecaster
from models.forecaster import CannotStream
from models.layers.norm import MaskedBatchNorm
from models.missing import interpolated
from models.registry import build
from tests.conftest import small_config
from tests.models.series import drawn, fresh, recurrent, rows


@pytest.mark.parametrize("missing", ["mask", "linear"])
@torch.no_grad()
def test_what_stands_behind_a_rows_end_is_not_read(missing: str) -> None:
    model = drawn("bi-gru", missing=missing)
    values, times = rows(40)
    lengths = torch.tensor([40, 17, 1])
    base = model.sequence(values, times, lengths, fresh(model))
    fork = model.fork(values, times, lengths, fresh(model))
    wild = values.clone()
    wild[1, 17:], wild[2, 1:] = 1e5, float("nan")
    for one, other in zip(model.sequence(wild, times, lengths, fresh(model)), base, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
    torch.testing.assert_close(model.fork(wild, times, lengths, fresh(model)).quantiles, fork.quantiles)


@torch.no_grad()
def test_the_backward_layer_begins_at_the_last_step_and_ends_at_the_first() -> None:
    model = recurrent("bi-gru", layers=1)
    assert isinstance(model, BiGRUForecaster)
    features, lengths = torch.randn(2, 9, model.features.size), torch.tensor([9, 4])
    found = model.recur(features, lengths, torch.zeros(2, 16))
    (backward,) = model.backwards
    for row, length in enumerate(lengths.tolist()):
        turned = features[row : row + 1, :length].flip(1)
        expected = torch.zeros(1, 8)
        for step in range(length):
            expected, _ = backward.step(turned[:, step], expected)
        torch.testing.assert_close(found[row : row + 1, 8:], expected)


def test_a_gap_is_filled_from_both_sides_and_an_end_from_one() -> None:
    nan = float("nan")
    values = torch.tensor([[nan, 2.0, nan, nan, 8.0, nan, 99.0], [nan, nan, 5.0, 6.0, 7.0, 8.0, 9.0]]).double()
    filled = interpolated(values, torch.tensor([6, 2]))
    np.testing.assert_allclose(filled[0, :6], [nan, 2, 4, 6, 8, 8])
    assert torch.isnan(filled[1, :2]).all()  # what comes behind a row's end fills nothing in


@torch.no_grad()
def test_a_history_with_a_gap_is_forecast_like_the_one_where_the_line_was_drawn_by_hand() -> None:
    model = drawn("bi-gru", missing="linear")
    values, times = rows(40, missing=0.0)
    values[:, 20:24] = float("nan")
    by_hand, share = values.clone(), torch.arange(1, 5) / 5
    by_hand[:, 20:24, 0] = values[:, 19] + share * (values[:, 24] - values[:, 19])
    lengths = torch.tensor([40, 30, 25])
    for one, other in zip(
        model.sequence(values, times, lengths, fresh(model)),
        model.sequence(by_hand, times, lengths, fresh(model)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, equal_nan=True)


def test_lines_between_readings_are_for_a_model_that_does_not_stream() -> None:
    said = r"a stream has not seen it yet: choose mask or forward, or .* bi-gru or an ensemble with it"
    for name in ("gru", "min-gru", "ensemble"):
        with pytest.raises(ValueError, match=said):
            build(small_config(architecture=name, missing="linear"))


@torch.no_grad()
def test_a_step_is_refused_with_what_to_do() -> None:
    model = recurrent("bi-gru")
    values, times = rows(1)
    with pytest.raises(CannotStream, match="`sequence` the whole history, or take an architecture that streams"):
        model.step(values[:, 0], times[:, 0], fresh(model))


def test_it_keeps_units_and_normalises_between_its_layers_in_training() -> None:
    values, times = rows(30)
    lengths = torch.tensor([30, 20, 10])
    torch.manual_seed(0)
    model = build(small_config(architecture="bi-gru", zoneout=0.3, normalisation="batch")).train()
    (norm,) = [each for each in model.modules() if isinstance(each, MaskedBatchNorm)]
    first = model.fork(values, times, lengths, fresh(model))
    second = model.fork(values, times, lengths, fresh(model))
    assert not torch.equal(first.quantiles, second.quantiles)
    assert norm.mean.abs().sum() > 0
    model.eval()
    again = [model.fork(values, times, lengths, fresh(model)).quantiles for _ in range(2)]
    assert torch.equal(*again)
