"""What readings said of the forecasts for them, to be summed up over sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# By number of steps ahead; the last three in units of the session's own mean error of the naive, so that large series
# do not drown small ones, and only where there is one: `paired`.
SUMS = ("scored", "covered", "paired", "error", "loss", "naive")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Noted:
    """What readings said of the forecasts for them, summed up over some."""

    sums: Numbers  # (batch, steps ahead, SUMS)
    rarity: Numbers  # (batch,) of the rarest of them; NaN where there was no forecast for any

    def only(self, kept: NDArray[np.bool_]) -> Noted:
        return Noted(self.sums[kept], self.rarity[kept])

    def then(self, live: NDArray[np.int64], later: Noted) -> None:
        """Adds what the next readings of the rows `live` said."""
        self.sums[live] += later.sums
        self.rarity[live] = np.fmax(self.rarity[live], later.rarity)
