"""Stacked layers without gates: the yardstick for what gates are worth."""

from __future__ import annotations

from models.layers.rnn import RNNLayer
from models.stack import StackedForecaster


class RNNForecaster(StackedForecaster):
    """Tanh layers of one width with residual connections; their only "gate" is the candidate n, which is all taken."""

    kind = RNNLayer
