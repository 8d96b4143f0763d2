"""Stacked minimal GRUs: gates that do not look at the state, learned from by a parallel scan."""

from __future__ import annotations

from models.layers.min_gru import MinGRULayer
from models.stack import StackedForecaster


class MinGRUForecaster(StackedForecaster):
    """Minimal GRU layers (Feng et al. 2024, arXiv:2410.01201) of one width. Gates of a layer: z, n."""

    kind = MinGRULayer
