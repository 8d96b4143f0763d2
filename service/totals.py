"""How good the forecasts of all sessions are together: sums by model and number of steps ahead, bounded for ever."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.noted import SUMS, Noted, Numbers

MODELS = 8  # of which the sums are kept: the newest
RECENT = 65_536  # forecasts of each number of steps ahead that the recent sums span
SCORED, COVERED, PAIRED, ERROR, LOSS, NAIVE = range(len(SUMS))


@dataclass(frozen=True, eq=False)
class Total:
    """Of one model since this process serves it; replaced as a whole, so that any thread may read it."""

    ahead: NDArray[np.int64]  # (scored,) numbers of steps ahead
    band: float
    sums: Numbers  # (scored, SUMS) of all
    recent: Numbers  # (scored, SUMS) of the last ones: each counts for less with every one that comes
    readings: int = 0  # turns of sessions that are scored
    anomalies: int = 0  # of them rarer than the rate that is set


class Totals:
    """Counts what live readings said, whatever session they are of; replays say nothing here."""

    def __init__(self, rate: float) -> None:
        self._rarest = -np.log(rate)
        self.models: dict[str, Total] = {}  # by digest, the newest last

    def add(self, digest: str, ahead: NDArray[np.int64], band: float, noted: Noted) -> None:
        """What some turns of this model's sessions said; called by the engine's thread alone."""
        sums = noted.sums.sum(axis=0)
        none = np.zeros_like(sums)
        before = self.models.get(digest) or Total(ahead, band, none, none)
        left = np.exp(-sums[:, SCORED] / RECENT)[:, None]
        total = Total(
            ahead,
            band,
            before.sums + sums,
            before.recent * left + sums,
            before.readings + len(noted.rarity),
            before.anomalies + int(np.count_nonzero(noted.rarity >= self._rarest)),
        )
        kept = {name: each for name, each in self.models.items() if name != digest}
        self.models = dict([*kept.items(), (digest, total)][-MODELS:])
