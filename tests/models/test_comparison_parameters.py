"""Counted parameters are those of the closed forms, and a GRU has three quarters of an LSTM's."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.comparison.memory import activation_bytes, state_bytes, weight_bytes
from models.comparison.parameters import closed_form, count, ratio
from models.layers.gru import GRULayer
from models.layers.layer import Layer
from models.layers.lstm import LSTMLayer
from models.layers.min_gru import MinGRULayer
from models.layers.rnn import RNNLayer
from models.registry import ARCHITECTURES, build
from tests.conftest import small_config

SIZES = st.integers(1, 40)


@given(inputs=SIZES, width=SIZES)
@settings(max_examples=20, deadline=None)
def test_the_closed_form_is_what_a_layer_of_any_size_holds(inputs: int, width: int) -> None:
    kinds: tuple[type[Layer], ...] = (GRULayer, LSTMLayer, RNNLayer, MinGRULayer)
    for kind in kinds:
        assert closed_form(kind, inputs, width) == sum(weight.numel() for weight in kind(inputs, width).parameters())


@given(hidden=SIZES, layers=st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_a_gru_has_exactly_three_quarters_of_the_recurrent_parameters_of_an_lstm(hidden: int, layers: int) -> None:
    counts = {
        name: count(build(small_config(architecture=name, hidden=hidden, layers=layers))) for name in ("gru", "lstm")
    }
    assert ratio(counts["gru"], counts["lstm"]) == Fraction(3, 4)
    for counted in counts.values():
        assert counted.recurrent == counted.closed_form < counted.total


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_can_be_counted_and_its_form_agrees_where_it_has_one(name: str) -> None:
    counted = count(build(small_config(architecture=name)))
    assert 0 < counted.recurrent < counted.total
    assert all(layer.closed_form in (None, layer.counted) for layer in counted.layers)


def test_an_lstm_keeps_more_of_a_step_and_of_a_session_than_a_gru() -> None:
    gru, lstm = (build(small_config(architecture=name)) for name in ("gru", "lstm"))
    assert weight_bytes(gru) == 4 * count(gru).total
    assert state_bytes(lstm) - state_bytes(gru) == 4 * 2 * 8  # a cell of eight numbers in each of two layers
    assert activation_bytes(lstm, 4, 40) > activation_bytes(gru, 4, 40) > activation_bytes(gru, 4, 20)
