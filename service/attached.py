"""Rows of numbers that go with some readings of a frame and not with others, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE = -1  # the row of a reading that has none


@dataclass(frozen=True, eq=False)
class Attached:
    """One row for each reading that has one."""

    rows: NDArray[np.int64]  # (readings,) in `values`, or NONE
    values: NDArray[Any]  # (rows, ...)

    def cut(self, part: slice | list[int]) -> Attached:
        """Those of some readings alone."""
        return _compact(self.rows[part], self.values)

    def only(self, kept: NDArray[np.bool_]) -> Attached:
        """The same, taken from all readings but those where `kept` (readings,) is true."""
        return _compact(np.where(kept, self.rows, NONE), self.values)

    @classmethod
    def join(cls, parts: Sequence[Attached | None], counts: Sequence[int]) -> Attached | None:
        """Those of all parts, one after the other; a part of `counts` readings without any may be None."""
        some = [part for part in parts if part is not None]
        if not some:
            return None
        rows, before = [], 0
        for part, count in zip(parts, counts, strict=True):
            if part is None:
                rows.append(np.full(count, NONE))
                continue
            rows.append(np.where(part.rows == NONE, NONE, part.rows + before))
            before += len(part.values)
        return cls(np.concatenate(rows), np.concatenate([part.values for part in some]))


def _compact(rows: NDArray[np.int64], values: NDArray[Any]) -> Attached:
    """Without the values that no row leads to."""
    has = rows != NONE
    return Attached(np.where(has, np.cumsum(has) - 1, NONE), values[rows[has]])
