"""What is handed to a journal has the shape that it must have, or `ValueError` says which was expected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.journal.protocol import Readings

ORIGIN_BYTES = 64  # a sha256 in hexadecimal


def checked(values: NDArray[np.float64], origin: str, width: int) -> NDArray[np.float64]:
    """The values as rows of this width."""
    if values.ndim != 2 or values.shape[1] != width:
        raise ValueError(f"expected values of shape (steps, {width}), got {values.shape}")
    if len(origin.encode()) > ORIGIN_BYTES:
        raise ValueError(f"expected an origin of at most {ORIGIN_BYTES} bytes, got {len(origin.encode())}")
    return np.ascontiguousarray(values, np.float64)


def check_batch(readings: Readings, width: int) -> None:
    """The columns fit each other."""
    rows = len(readings.keys)
    if not len(readings.revisions) == len(readings.steps) == rows:
        raise ValueError(f"expected columns of {rows} rows, got {len(readings.revisions)} and {len(readings.steps)}")
    if readings.values.shape != (rows, width):
        raise ValueError(f"expected values of shape {(rows, width)}, got {readings.values.shape}")
