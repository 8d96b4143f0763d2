"""Drawing with braille characters: each is two dots wide and four high."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLANK = 0x2800
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # (4 rows, 2 columns), as Unicode has them


class Canvas:
    """Dots with the origin at the lower left; what lies outside is cut off."""

    def __init__(self, columns: int, rows: int) -> None:
        self._dots = np.zeros((4 * rows, 2 * columns), dtype=np.bool_)  # from the top down

    def column(self, x: int, low: float, high: float) -> None:
        """Dots from `low` to `high` in one column; nothing where one of them is NaN."""
        if np.isnan(low) or np.isnan(high) or not 0 <= x < self._dots.shape[1]:
            return
        height = self._dots.shape[0]
        bottom, top = max(0, round(low)), min(height - 1, round(high))
        self._dots[height - 1 - top : height - bottom, x] = True

    def line(self, xs: NDArray[np.floating[Any]], ys: NDArray[np.floating[Any]]) -> None:
        """Through these points, broken where one is NaN."""
        known = np.isfinite(ys)
        for at in np.flatnonzero(known).tolist():
            if at == 0 or not known[at - 1]:
                self.column(round(xs[at]), ys[at], ys[at])
                continue
            self._stroke(xs[at - 1], ys[at - 1], xs[at], ys[at])

    def cells(self) -> NDArray[np.int64]:
        """The code of each cell's dots, (rows, columns); 0 where a cell is empty."""
        rows, columns = self._dots.shape[0] // 4, self._dots.shape[1] // 2
        blocks = self._dots.reshape(rows, 4, columns, 2)
        codes: NDArray[np.int64] = np.einsum("rycx,yx->rc", blocks, _BITS)
        return codes

    def _stroke(self, x0: float, y0: float, x1: float, y1: float) -> None:
        count = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
        xs = np.rint(np.linspace(x0, x1, count + 1)).astype(np.int64)
        ys = self._dots.shape[0] - 1 - np.rint(np.linspace(y0, y1, count + 1)).astype(np.int64)
        inside = (xs >= 0) & (xs < self._dots.shape[1]) & (ys >= 0) & (ys < self._dots.shape[0])
        self._dots[ys[inside], xs[inside]] = True


def braille(code: int) -> str:
    """The character with these dots."""
    return chr(_BLANK + code)
