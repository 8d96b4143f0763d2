"""The cell is PyTorch's GRU, its gates mean what their names say, and it starts with remembering."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.layers.cell import gru_cell, initialise_gru, weights


@settings(max_examples=40, deadline=None)
@given(batch=st.integers(1, 9), inputs=st.integers(1, 7), hidden=st.integers(1, 17), seed=st.integers(0, 10_000))
def test_a_step_of_the_cell_equals_the_fused_gru(batch: int, inputs: int, hidden: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer = nn.GRU(inputs, hidden, batch_first=True)
    x, h = torch.randn(batch, inputs), torch.randn(batch, hidden)
    _, expected = layer(x.unsqueeze(1), h.unsqueeze(0))
    found, *_ = gru_cell(x, h, *weights(layer))
    torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-6)


def test_the_update_gate_near_one_keeps_the_past_and_near_zero_takes_the_candidate() -> None:
    torch.manual_seed(3)
    layer = nn.GRU(2, 4)
    x, h = torch.randn(5, 2), torch.randn(5, 4)
    with torch.no_grad():
        layer.bias_ih_l0[4:8] = 50.0
    kept, _, z, _ = gru_cell(x, h, *weights(layer))
    assert torch.all(z > 0.999)
    torch.testing.assert_close(kept, h)
    with torch.no_grad():
        layer.bias_ih_l0[4:8] = -50.0
    taken, _, z, n = gru_cell(x, h, *weights(layer))
    assert torch.all(z < 0.001)
    torch.testing.assert_close(taken, n)


def test_the_update_gate_starts_high_and_only_one_of_the_two_biases_carries_it() -> None:
    torch.manual_seed(4)
    layer = nn.GRU(12, 64)
    initialise_gru(layer, longest_memory=168)
    _, _, bias_ih, bias_hh = weights(layer)
    assert torch.all(bias_hh == 0)
    assert torch.all(bias_ih[64:128] > 0)
    assert torch.all(bias_ih[:64] == 0)
    assert torch.all(bias_ih[128:] == 0)
    _, _, z, _ = gru_cell(torch.randn(256, 12), torch.zeros(256, 64), *weights(layer))
    assert z.mean() > 0.85
    assert (z > 0.5).float().mean() > 0.95


def test_recurrent_weights_start_orthogonal_and_input_weights_within_xaviers_bound() -> None:
    layer = nn.GRU(12, 16)
    initialise_gru(layer, longest_memory=24)
    weight_ih, weight_hh, _, _ = weights(layer)
    for gate in range(3):
        block = weight_hh[gate * 16 : (gate + 1) * 16]
        torch.testing.assert_close(block @ block.T, torch.eye(16), rtol=0, atol=1e-5)
    bound = (6 / (12 + 16)) ** 0.5
    assert weight_ih.abs().max() <= bound
    assert weight_ih.abs().max() > 0.8 * bound
