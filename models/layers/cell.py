"""The GRU cell, written from its equations, with its gates shown, and how its weights start."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def gru_cell(
    inputs: Tensor,  # (batch, inputs)
    hidden: Tensor,  # (batch, hidden)
    weight_ih: Tensor,  # (3 hidden, inputs): rows of r, z, n
    weight_hh: Tensor,  # (3 hidden, hidden)
    bias_ih: Tensor,  # (3 hidden,)
    bias_hh: Tensor,  # (3 hidden,)
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step of a gated recurrent unit; returns the new hidden state and the gates r, z, n, each (batch, hidden).

    The equations of Cho et al. (2014, arXiv:1406.1078) in the form and convention of PyTorch's `nn.GRU`::

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        reset
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        update: z near 1 keeps the past
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))     candidate
        h' = (1 - z) * n + z * h
    """
    from_inputs = functional.linear(inputs, weight_ih, bias_ih)  # (batch, 3 hidden)
    from_hidden = functional.linear(hidden, weight_hh, bias_hh)  # (batch, 3 hidden)
    input_r, input_z, input_n = from_inputs.chunk(3, 1)
    hidden_r, hidden_z, hidden_n = from_hidden.chunk(3, 1)
    r = torch.sigmoid(input_r + hidden_r)
    z = torch.sigmoid(input_z + hidden_z)
    n = torch.tanh(input_n + r * hidden_n)
    return n + z * (hidden - n), r, z, n


def initialise_gru(layer: nn.GRU, longest_memory: int) -> None:
    """Xavier for input weights, orthogonal for recurrent ones, and update gates that start with remembering.

    With z near 1 keeping the past, a unit whose update-gate bias is log(T - 1) forgets over about T steps
    (chrono initialisation: Tallec and Ollivier 2018, arXiv:1804.11188, whose forget gate is this z). T is
    spread evenly in the logarithm from 3 steps to `longest_memory`; of the two biases that are added only the
    input's carries it.
    """
    size = layer.hidden_size
    weight_ih, weight_hh, bias_ih, bias_hh = weights(layer)
    with torch.no_grad():
        for gate in range(3):
            rows = slice(gate * size, (gate + 1) * size)
            nn.init.xavier_uniform_(weight_ih[rows])
            nn.init.orthogonal_(weight_hh[rows])
        bias_ih.zero_()
        bias_hh.zero_()
        memory = torch.logspace(math.log10(3.0), math.log10(max(4.0, longest_memory)), size)  # steps
        bias_ih[size : 2 * size] = torch.log(memory - 1.0)


def weights(layer: nn.Module) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four tensors of a single `nn.GRU` layer in the order of `gru_cell`."""
    assert isinstance(layer, nn.GRU)
    weight_ih, weight_hh, bias_ih, bias_hh = layer.all_weights[0]
    return weight_ih, weight_hh, bias_ih, bias_hh
