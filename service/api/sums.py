"""Sums of a forecast's steps as clients ask for them and read them: over the first so many, each with its quantiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.api.forecasts import HALF, Selection
from service.bundle import Manifest
from service.sums import NoSums, Sums

Item = dict[str, object]
Forecasts = NDArray[np.float64]  # (rows, horizon, quantiles)
Answered = NDArray[np.float64]  # (rows, sums, 1 + levels): the median and then the levels that were asked for


class StepSums:
    """Sums of the forecasts of the bundle that serves."""

    def __init__(self) -> None:
        self._sums: Sums | None = None

    def serve(self, manifest: Manifest) -> None:
        """From now on this bundle's forecasts come; where it cannot tell of sums, answers have none any more."""
        self._sums = None if manifest.dependence is None else Sums(manifest)

    def check(self) -> None:
        """`NoSums` where the bundle does not say how the steps of a forecast depend on each other."""
        if self._sums is None:
            raise NoSums(
                "this model's bundle does not say how the steps of a forecast depend on each other, so sums have no "
                "quantiles: train again with this version and export"
            )

    def write(self, forecasts: Forecasts, selection: Selection) -> list[list[Item]] | None:
        """Of each forecast an object for each sum, in the order asked; None where none are wanted."""
        if not selection.sums or self._sums is None:
            return None
        return [
            [
                {
                    "steps": steps,
                    "median": numbers[0],
                    "quantiles": dict(zip(selection.names, numbers[1:], strict=True)),
                }
                for steps, numbers in zip(selection.sums, row, strict=True)
            ]
            for row in self._of(self._sums, forecasts, selection).tolist()
        ]

    def columns(self, forecasts: Forecasts, selection: Selection, packed: bool) -> list[Item] | None:
        """The same by columns: for each sum numbers of all forecasts, raw float64 where it is `packed`."""
        if not selection.sums or self._sums is None:
            return None
        found = self._of(self._sums, forecasts, selection)
        return [self._column(steps, found[:, at], selection, packed) for at, steps in enumerate(selection.sums)]

    def _of(self, sums: Sums, forecasts: Forecasts, selection: Selection) -> Answered:
        return sums.of(forecasts, selection.sums, (HALF, *map(float, selection.names)))

    def _column(self, steps: int, found: Answered, selection: Selection, packed: bool) -> Item:
        median, levels = np.ascontiguousarray(found[:, 0]), found[:, 1:]
        if packed:
            return {"steps": steps, "median": median.astype("<f8").tobytes(), "values": levels.astype("<f8").tobytes()}
        shown = {name: np.ascontiguousarray(levels[:, at]) for at, name in enumerate(selection.names)}
        return {"steps": steps, "median": median, "quantiles": shown}
