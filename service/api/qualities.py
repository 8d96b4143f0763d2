"""How good forecasts are, as clients read it: by number of steps ahead, the last reading's rarity, drift."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from service import drift, quality
from service.api.telling import Telling
from service.attached import Attached
from service.bundle import Manifest
from service.quality import Quality, steps_ahead

Item = dict[str, object]
_SIDES = {-1.0: "low", 1.0: "high"}


class Qualities:
    """Writes rows (told,) of `service.quality.Quality`; models that take each other's place have one horizon."""

    def __init__(self, horizon: int, rate: float) -> None:
        self.rate = rate  # of readings that may be flagged though nothing is wrong
        self._ahead = steps_ahead(horizon).tolist()
        self._band = 0.0

    def serve(self, manifest: Manifest) -> None:
        """From now on this bundle's rows come."""
        method = Quality.of(manifest)
        self._band = 0.0 if method is None else method.band

    def beside(self, told: Attached, telling: Telling) -> Iterator[tuple[int, Item]]:
        """By the row of the answer that it belongs to, what is asked for: `quality`, `anomaly`."""
        for row in np.flatnonzero(told.rows >= 0).tolist():
            said = told.values[told.rows[row]]
            item: Item = {}
            if telling.quality:
                item["quality"] = self.quality(said)
            if telling.anomaly:
                item["anomaly"] = self.anomaly(said, telling.rate)
            yield row, item

    def quality(self, told: NDArray[np.float64]) -> Item:
        """The means by number of steps ahead."""
        means = told[quality.TOLD :].reshape(len(self._ahead), -1).tolist()
        return {
            "band": self._band,
            "ahead": [_scored(steps, each) for steps, each in zip(self._ahead, means, strict=True)],
        }

    def anomaly(self, told: NDArray[np.float64], rate: float | None = None) -> Item:
        """How rare the last reading is, flagged beyond this rate of false alarms."""
        rarity, surprise = float(told[quality.TOLD_RARITY]), float(told[quality.TOLD_SURPRISE])
        known = not math.isnan(rarity)
        return {
            "flag": known and rarity >= -math.log(rate or self.rate),
            "p": math.exp(-rarity) if known else None,
            "surprise": None if math.isnan(surprise) else surprise,
            "side": _SIDES.get(float(told[quality.TOLD_SIDE])),
            "lasts": known and bool(told[quality.TOLD_LASTS]),
        }

    def drift(self, told: NDArray[np.float64]) -> Item:
        """The divergence of recent readings from those before."""
        score = float(told[quality.TOLD_DRIFT])
        return {"flag": score >= drift.RAISE, "score": None if math.isnan(score) else score}


def _scored(steps: int, means: list[float]) -> Item:
    counted, paired, naive = means[quality.COUNTED], means[quality.PAIRED], means[quality.NAIVE]
    return {
        "steps": steps,
        "scored": int(counted),
        "error": means[quality.ERROR] if counted else None,
        "quantile_loss": means[quality.LOSS] if counted else None,
        "coverage": means[quality.COVERAGE] if counted else None,
        "naive": naive if paired else None,
        "skill": 1 - means[quality.BESIDE] / naive if paired and naive else None,
    }
