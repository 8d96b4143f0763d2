"""Stacked LSTMs with residual connections: the architecture that a GRU is most often compared with."""

from __future__ import annotations

from models.layers.lstm import LSTMLayer
from models.stack import StackedForecaster


class LSTMForecaster(StackedForecaster):
    """LSTM layers of one width; a layer's state is what it puts out and its cell. Gates of a layer: i, f, g, o."""

    kind = LSTMLayer
