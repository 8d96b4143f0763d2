"""The default architecture: stacked single-layer GRUs with residual connections."""

from __future__ import annotations

from models.layers.gru import GRULayer
from models.stack import StackedForecaster


class GRUForecaster(StackedForecaster):
    """GRU layers (Cho et al. 2014, arXiv:1406.1078) of one width, each added to what it was given.

    `sequence` runs the fused `nn.GRU`, `step` our own cell on the same weights. Gates of a layer: r, z, n; z near 1
    keeps the past.
    """

    kind = GRULayer
