"""The inputs beside the readings: what is known ahead of a forecast, and what never changes in a series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest

Inputs = dict[str, NDArray[np.float64]]


def known_inputs(
    manifest: Manifest, batch: int, future: NDArray[np.float64] | None, static: NDArray[np.float64] | None
) -> Inputs:
    """`future` and `static` by name and in this order, for those graphs that have them; all NaN where None came.

    Shapes (batch, horizon, known-future covariates) and (batch, static features), or `ValueError`.
    """
    inputs: Inputs = {}
    for name, width, given in (
        ("future", (manifest.horizon, len(manifest.future)), future),
        ("static", (len(manifest.static),), static),
    ):
        if not width[-1]:
            continue
        shape = (batch, *width)
        if given is not None and given.shape != shape:
            raise ValueError(f"{name} of shape {shape} was expected, got {given.shape}")
        inputs[name] = np.full(shape, np.nan) if given is None else given
    return inputs
