"""Static features as sent become the engine's row: every name, finite numbers, null where one is unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidValue, MissingStatic, UnknownStatic
from service.frames import LARGEST_VALUE


@dataclass(frozen=True)
class Statics:
    """Reads and writes the static features of one model."""

    names: tuple[str, ...]

    def read(self, sent: Mapping[str, float | None] | None) -> NDArray[np.float64] | None:
        """(features,), NaN where unknown; None where the model has none.

        `MissingStatic`, `UnknownStatic`, `InvalidValue`.
        """
        sent = sent or {}
        if missing := [name for name in self.names if name not in sent]:
            raise MissingStatic(
                f"this model knows each series by {', '.join(self.names)}: send `static` with {', '.join(missing)} "
                "too, null where a number is unknown",
                missing=missing,
            )
        if len(sent) > len(self.names):
            unknown = next(name for name in sent if name not in self.names)
            known = f"the static features {', '.join(self.names)}" if self.names else "no static features"
            raise UnknownStatic(
                f"this model knows {known}; leave out {unknown!r}",
                static=list(self.names),
            )
        if not self.names:
            return None
        row = np.array([sent[name] for name in self.names], np.float64)  # None becomes NaN
        for name, value in zip(self.names, row.tolist(), strict=True):
            if abs(value) > LARGEST_VALUE:
                raise InvalidValue(
                    f"static.{name}: a number within ±{LARGEST_VALUE:g} was expected, or null where it is unknown"
                )
        return row

    @staticmethod
    def write(static: Mapping[str, float]) -> dict[str, float | None]:
        """As clients read them."""
        return {name: None if math.isnan(value) else value for name, value in static.items()}
