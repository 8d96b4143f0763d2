"""Gates as clients ask for them and read them: by layer and gate in a few numbers, or unit by unit."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest
from service.errors import WrongType
from service.gates import Gates

Detail = Literal["summary", "units"]
Item = dict[str, object]
_ASKED: dict[object, Detail | None] = {
    None: None, False: None, "false": None, True: "summary", "true": "summary", "summary": "summary", "units": "units",
}  # fmt: skip


def detail(asked: bool | str | None) -> Detail | None:
    """What was asked for, in a query or a frame; `WrongType` where it is nothing of that kind."""
    if asked not in _ASKED:
        raise WrongType("gates: summary, units, true (the same as summary) or false was expected")
    return _ASKED[asked]


class GateSummaries:
    """Writes rows of gates as the bundle that serves lays them out.

    Around a change of models rows of both may come: each is read by the layout of its width.
    """

    def __init__(self) -> None:
        self.gates = Gates(())
        self._layouts: dict[int, Gates] = {}

    def serve(self, manifest: Manifest) -> None:
        """From now on this bundle's rows come."""
        self.gates = self._layouts[manifest.gates] = Gates.of(manifest)

    def expect(self, manifest: Manifest) -> None:
        """Rows of this bundle may come too."""
        self._layouts.setdefault(manifest.gates, Gates.of(manifest))

    def write(self, rows: NDArray[np.float32], detail: Detail) -> list[Item]:
        """An object for each row (rows, gates): `mean`, `quartiles` and `saturated` by layer.gate, and the `units`."""
        items: list[Item] = [{} for _ in rows]
        for gate in self._layouts[rows.shape[1]].read(rows):
            columns = gate.mean.tolist(), gate.quartiles.tolist(), gate.saturated.tolist(), gate.units.tolist()
            for item, mean, quartiles, saturated, units in zip(items, *columns, strict=True):
                shown: Item = {"mean": mean, "quartiles": quartiles, "saturated": saturated}
                item[gate.name] = {**shown, "units": units} if detail == "units" else shown
        return items
