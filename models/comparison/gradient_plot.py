"""The norms of the gradients of several networks by lag, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.comparison.gradients import HALF, Reach
from models.evaluation.plots import INK, framed_figure
from models.pages.picture import colours

FLOOR = 1e-12  # of a share; what is smaller is not drawn


def plot_reach(reaches: Sequence[Reach], path: Path) -> None:
    """One panel for each moment of training; lines are the geometric mean over rows, bands its rows."""
    moments = list(dict.fromkeys(found.when for found in reaches))
    figure, panels = framed_figure(9.0, 4.0 * len(moments), [1.0] * len(moments))
    names = colours(list(dict.fromkeys(found.name for found in reaches)))
    for axes, when in zip(panels, moments, strict=True):
        for found in (each for each in reaches if each.when == when):
            lags = np.arange(len(found.norms))
            norms, low, high = (_shown(each / found.norms[0]) for each in (found.norms, found.low, found.high))
            half = found.lag_at(HALF)
            label = (
                f"{found.name}: half after {half} steps"
                if half is not None
                else f"{found.name}: more than half after {lags[-1]} steps"
            )
            axes.plot(lags, norms, color=names[found.name], linewidth=2, label=label)
            axes.fill_between(lags, low, high, color=names[found.name], alpha=0.15, linewidth=0)
        axes.axhline(HALF, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(FLOOR, axes.get_ylim()[0]))
        axes.set_title(f"Norm of dh_T / ds_t by lag, {when}, as a share of lag 0", loc="left", color=INK)
        axes.set_xlabel("lag T − t, in steps")
        axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def _shown(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(shares >= FLOOR, shares, np.nan)
