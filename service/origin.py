"""What a session was made from, so that the same request again can be told from another."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from service.journal import Static


def origin_of(
    start: int | None,
    values: NDArray[np.float64],
    static: Static | None = None,
    regime: bool = False,
    calibrate: bool = False,
) -> str:
    """What a session was created from, as sha256 in hexadecimal: all missing values and both zeros count as one."""
    plain = np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8")
    features = sorted((name, value + 0.0) for name, value in (static or {}).items())
    # Where there are none of these nothing is said of them, as for sessions made before there were any.
    said = (f" {features}" if features else "") + (" regime" if regime else "")
    said += " calibrate" if calibrate else ""
    return hashlib.sha256(f"{start} {plain.shape}{said}".encode() + plain.tobytes()).hexdigest()
