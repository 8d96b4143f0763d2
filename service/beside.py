"""What the service keeps beside a model's state: a session's whole row is [model | calibration | quality | monitor]."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest
from service.calibration import Calibration
from service.noted import Noted
from service.quality import Quality
from service.regime import Regimes, Watch

# Kinds of sessions, to be added up: what they were made with, as far as the model allows.
PLAIN, WATCHED, CALIBRATED, SCORED = 0, 1, 2, 4

Rows = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Beside:
    """The parts, of one bundle; a session has those that it asked for and the model allows.

    Rows here are (batch, size), all of one kind, without the model's state.
    """

    calibration: Calibration | None
    watch: Watch | None
    quality: Quality | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Beside:
        calibration = Calibration.of(manifest)
        quality = Quality.of(manifest, 0 if calibration is None else calibration.size)
        return cls(calibration, Watch.of(manifest), quality)

    def kind(self, regime: bool, calibrate: bool, quality: bool) -> int:
        """That of sessions made with these."""
        watched = WATCHED if regime and self.watch is not None else PLAIN
        scored = SCORED if quality and self.quality is not None else PLAIN
        return watched + scored + (CALIBRATED if calibrate and self.calibration is not None else PLAIN)

    @cached_property
    def sizes(self) -> dict[int, int]:
        """Numbers in a row, by kind: no two are the same."""
        calibration = 0 if self.calibration is None else self.calibration.size
        watch = 0 if self.watch is None else self.watch.size
        quality = 0 if self.quality is None else self.quality.size
        sizes = (WATCHED, watch), (CALIBRATED, calibration), (SCORED, quality)
        kinds = {self.kind(*asked) for asked in product((False, True), repeat=3)}
        return {kind: sum(size for part, size in sizes if kind & part) for kind in sorted(kinds)}

    @cached_property
    def kinds(self) -> dict[int, int]:
        """Kinds by the numbers in a row."""
        return {size: kind for kind, size in self.sizes.items()}

    def initial(self, kind: int, step: int = 0) -> Rows:
        """The row (size,) of a session that begins with the reading of `step`."""
        parts = [np.empty(0, np.float32)]
        if kind & CALIBRATED and self.calibration is not None:
            parts.append(self.calibration.initial())
        if kind & SCORED and self.quality is not None:
            parts.append(self.quality.initial())
        if kind & WATCHED and self.watch is not None:
            parts.append(self.watch.initial(step))
        return np.concatenate(parts)

    def fits(self, row: Rows, kind: int) -> bool:
        """Whether a session of this kind can go on from this row (size,)."""
        if self.kinds.get(len(row)) != kind:
            return False
        calibration, quality, monitor = self._split(row[None])
        fits = calibration is None or self.calibration is None or self.calibration.fits(calibration[0])
        fits = fits and (quality is None or self.quality is None or self.quality.fits(quality[0]))
        return fits and (monitor is None or self.watch is None or self.watch.fits(monitor[0]))

    def shows(self, rows: Rows) -> bool:
        """Whether it takes the gates of a reading to advance them."""
        return bool(self.kinds[rows.shape[1]] & WATCHED)

    def advance(
        self,
        rows: Rows,
        forecasts: NDArray[np.float64],  # (batch, horizon, quantiles) the model's
        gates: NDArray[np.float32] | None,  # (batch, gates), where they are taken
        target: NDArray[np.float64],  # (batch,) the reading, NaN where it is missing
    ) -> tuple[Rows, NDArray[np.float64], Noted | None]:
        """Rows after a reading each, its forecasts as they are to be answered, and what it said of those before."""
        calibration, quality, monitor = self._split(rows)
        parts, noted = [], None
        if calibration is not None and self.calibration is not None:
            calibration, forecasts = self.calibration.advance(calibration, forecasts, target)
            parts.append(calibration)
        if quality is not None and self.quality is not None:
            quality, noted = self.quality.advance(quality, forecasts, target)
            parts.append(quality)
        if monitor is not None and self.watch is not None:
            assert gates is not None
            parts.append(self.watch.advance(monitor, gates, ~np.isnan(target)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1), forecasts, noted

    def answered(self, rows: Rows, forecasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """The model's forecasts (batch, horizon, quantiles) as they are to be answered after the rows' last reading."""
        calibration, _, _ = self._split(rows)
        if calibration is None or self.calibration is None:
            return forecasts
        return self.calibration.widen(calibration, forecasts)

    def regimes(self, rows: Rows) -> Regimes:
        """What the monitors in these rows say."""
        _, _, monitor = self._split(rows)
        assert monitor is not None
        assert self.watch is not None
        return self.watch.read(monitor)

    def qualities(self, rows: Rows) -> NDArray[np.float64]:
        """What is told of the forecasts of these rows' sessions, (rows, told)."""
        _, quality, _ = self._split(rows)
        assert quality is not None
        assert self.quality is not None
        return self.quality.read(quality)

    def _split(self, rows: Rows) -> tuple[Rows | None, Rows | None, Rows | None]:
        """Their calibrations, their qualities and their monitors."""
        kind = self.kinds[rows.shape[1]]
        middle, end = self.sizes[kind & CALIBRATED], self.sizes[kind & (CALIBRATED | SCORED)]
        return (
            rows[:, :middle] if kind & CALIBRATED else None,
            rows[:, middle:end] if kind & SCORED else None,
            rows[:, end:] if kind & WATCHED else None,
        )
