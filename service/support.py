"""Numbers as the target can be, for what is computed beside the graphs: none below zero, whole ones alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest

Array = NDArray[np.float64]


def held(values: Array, manifest: Manifest) -> Array:
    """Quantiles in units of the target, of any shape, as its graphs end: the smallest whole number that reaches a level
    is the ceiling of q - 1/2. Without a declaration they are returned as they are."""
    if manifest.integer:
        values = np.ceil(values - 0.5) + 0.0  # no minus zero
    if manifest.non_negative:
        values = np.where(values <= 0.0, 0.0, values)
    return values
