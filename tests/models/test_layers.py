"""Each recurrent layer beside PyTorch's own, its forms beside each other, and the scan beside the loop."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models.layers.gru import GRULayer
from models.layers.layer import Layer
from models.layers.lstm import LSTMLayer
from models.layers.min_gru import MinGRULayer
from models.layers.rnn import RNNLayer
from models.layers.scan import scan

KINDS: list[type[Layer]] = [GRULayer, LSTMLayer, RNNLayer, MinGRULayer]
WIDTH, INPUTS = 6, 4


def layer_of(kind: type[Layer]) -> Layer:
    torch.manual_seed(0)
    layer = kind(INPUTS, WIDTH)
    layer.start(longest_memory=24)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return layer.eval()


def given_to(layer: Layer, time: int, rows: int = 4, seed: int = 1) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return torch.randn(rows, time, INPUTS), 0.5 * torch.randn(rows, layer.size)


def looped(layer: Layer, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None = None) -> Tensor:
    """Each row's state after its own last step, one step after the other."""
    for step in range(inputs.size(1)):
        after, _ = layer.step(inputs[:, step], state, None if held is None else held[:, step])
        state = torch.where((step < lengths).unsqueeze(1), after, state)
    return state


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_whole_ragged_and_stepped_are_one_function_for_rows_of_every_length(kind: type[Layer]) -> None:
    layer = layer_of(kind)
    inputs, state = given_to(layer, 20, rows=5)
    for ends in ([20, 13, 7, 1, 0], [20, 20, 19, 20, 18], [20, 1, 1, 2, 1]):
        lengths = torch.tensor(ends)
        expected = looped(layer, inputs, lengths, state)
        outputs, after = layer.whole(inputs, lengths, state)
        torch.testing.assert_close(after, expected, rtol=0, atol=1e-6)
        if lengths.min() > 0:
            shown, ragged = layer.ragged(inputs, lengths, lengths, state)
            torch.testing.assert_close(ragged, expected, rtol=0, atol=1e-6)
            for row, length in enumerate(lengths.tolist()):
                torch.testing.assert_close(shown[row, :length], outputs[row, :length], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_step_that_is_held_keeps_the_state_in_every_form(kind: type[Layer]) -> None:
    layer = layer_of(kind)
    inputs, state = given_to(layer, 20)
    lengths = torch.tensor([20, 11, 5, 1])
    held = (torch.rand(4, 20, 1) < 0.5).float()
    expected = looped(layer, inputs, lengths, state, held)
    _, whole = layer.whole(inputs, lengths, state, held)
    _, ragged = layer.ragged(inputs, lengths, lengths, state, held.expand(-1, -1, WIDTH))
    torch.testing.assert_close(whole, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(ragged, expected, rtol=0, atol=1e-6)


@torch.no_grad()
def test_the_layer_without_gates_is_pytorchs_rnn() -> None:
    layer = layer_of(RNNLayer)
    assert isinstance(layer, RNNLayer)
    inputs, state = given_to(layer, 25)
    expected, last = layer.fused(inputs, state.unsqueeze(0))
    outputs, after = layer.whole(inputs, torch.full((4,), 25), state)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(after, last.squeeze(0), rtol=0, atol=1e-6)


@torch.no_grad()
def test_the_lstm_is_pytorchs_with_the_cell_of_each_rows_own_end() -> None:
    layer = layer_of(LSTMLayer)
    assert isinstance(layer, LSTMLayer)
    inputs, state = given_to(layer, 25)
    lengths = torch.tensor([25, 9, 1, 0])
    outputs, after = layer.whole(inputs, lengths, state)
    for row, length in enumerate(lengths.tolist()):
        start = tuple(part[row : row + 1].unsqueeze(0).contiguous() for part in state.chunk(2, 1))
        if length == 0:
            assert torch.equal(after[row], state[row])
            continue
        expected, (hidden, cell) = layer.fused(inputs[row : row + 1, :length], start)
        torch.testing.assert_close(outputs[row : row + 1, :length], expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(after[row], torch.cat([hidden, cell], 2).flatten(), rtol=0, atol=1e-6)


def test_the_gru_is_pytorchs() -> None:
    layer = layer_of(GRULayer)
    assert isinstance(layer, GRULayer)
    assert isinstance(layer.fused, nn.GRU)


def unrolled(decay: Tensor, drive: Tensor, start: Tensor) -> Tensor:
    states, state = [], start
    for step in range(drive.size(1)):
        state = decay[:, step] * state + drive[:, step]
        states.append(state)
    return torch.stack(states, 1)


@settings(max_examples=40, deadline=None)
@given(time=st.integers(1, 70), batch=st.integers(1, 3), seed=st.integers(0, 999))
def test_the_scan_and_its_gradient_are_those_of_the_loop(time: int, batch: int, seed: int) -> None:
    torch.manual_seed(seed)
    shape = (batch, time, 3)
    whole = [torch.rand(shape), torch.randn(shape), torch.randn(batch, 3)]
    mine, theirs = ([each.double().requires_grad_() for each in whole] for _ in range(2))
    weight = torch.randn(shape).double()
    found, expected = scan(*mine), unrolled(*theirs)
    torch.testing.assert_close(found, expected)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_the_scan_of_the_minimal_gru_and_its_fused_form_are_one_in_value_and_gradient() -> None:
    layer = layer_of(MinGRULayer)
    inputs, state = given_to(layer, 50)
    lengths = torch.full((4,), 50)
    (scanned, _), (fused, _) = layer.ragged(inputs, lengths, lengths, state), layer.whole(inputs, lengths, state)
    torch.testing.assert_close(scanned, fused, rtol=0, atol=1e-6)
    gradients = []
    for outputs in (scanned, fused):
        layer.zero_grad()
        outputs.square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in layer.parameters() if parameter.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
