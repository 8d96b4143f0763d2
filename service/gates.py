"""Gates as clients may see them: by layer and gate, how its units stand in a few numbers, or each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest
from service.errors import NoGates

NEAR = 1 / 256  # a gate so near its end lets 255 parts of 256 through, or none
SIGNED = ("n", "g")  # candidates lie between -1 and 1, all other gates between 0 and 1
QUARTILES = (25, 50, 75)


@dataclass(frozen=True)
class Gate:
    """One gate of one layer, for some rows: z (or an LSTM's f) near 1 keeps the past."""

    name: str  # layer.gate: 1.r, 1.z, …
    mean: NDArray[np.float64]  # (rows,)
    quartiles: NDArray[np.float64]  # (rows, 3)
    saturated: NDArray[np.float64]  # (rows,) share of units at either end of their range
    units: NDArray[np.float32]  # (rows, units)


@dataclass(frozen=True)
class Gates:
    """Reads rows of gates as one bundle lays them out."""

    slices: tuple[tuple[str, int, int], ...]  # name, start, stop

    @classmethod
    def of(cls, manifest: Manifest) -> Gates:
        return cls(tuple((part.name, part.start, part.stop) for part in manifest.gate_slices))

    def check(self) -> None:
        """`NoGates` where there is nothing to show."""
        if not self.slices:
            raise NoGates(
                "this model has no gates, or its bundle was exported before they had names: serve another model, or "
                "export the run again"
            )

    def read(self, rows: NDArray[np.float32]) -> Sequence[Gate]:
        """Rows (rows, gates) gate by gate."""
        return [_gate(name, rows[:, start:stop]) for name, start, stop in self.slices]


def _gate(name: str, units: NDArray[np.float32]) -> Gate:
    low, near = (-1.0, 2 * NEAR) if name.rpartition(".")[2] in SIGNED else (0.0, NEAR)
    wide = units.astype(np.float64)
    ends = (wide < low + near) | (wide > 1.0 - near)
    quartiles = np.percentile(wide, QUARTILES, axis=1).T
    return Gate(name, wide.mean(axis=1), quartiles, ends.mean(axis=1), units)
