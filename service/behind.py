"""States that are a few readings behind, since another process has moved their sessions on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Behind:
    """A state after a reading that is not the session's last any more."""

    key: int
    revision: int
    step: int
    body: NDArray[np.float32]
