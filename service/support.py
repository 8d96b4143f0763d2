"""Numbers as the target can be, for what is computed beside the graphs: none below zero, whole ones alone."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Declared(Protocol):
    """What is said of a target, by a manifest or by whoever has it from there."""

    @property
    def non_negative(self) -> bool: ...
    @property
    def integer(self) -> bool: ...


def held(values: Array, declared: Declared) -> Array:
    """Quantiles in units of the target, of any shape, as its graphs end: the smallest whole number that reaches a level
    is the ceiling of q - 1/2. Without a declaration they are returned as they are."""
    if declared.integer:
        values = np.ceil(values - 0.5) + 0.0  # no minus zero
    if declared.non_negative:
        values = np.where(values <= 0.0, 0.0, values)
    return values
