"""Two pictures of a study: the loss of each trial with the best so far, and how much each setting mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial, TrialState

from models.evaluation.plots import GRID, INK, NAIVE, OURS, framed_figure


def plot_history(trials: Sequence[FrozenTrial], path: Path) -> None:
    """Losses by trial; a pruned trial is a cross at the last loss that it reported, a failed one a mark below."""
    figure, (axes,) = framed_figure(9.0, 4.5, [1.0])
    complete = _points(trials, TrialState.COMPLETE)
    pruned = _points(trials, TrialState.PRUNED)
    axes.plot(*_columns(complete), "o", color=OURS, markersize=5, label=f"complete ({len(complete)})")
    if pruned:
        axes.plot(*_columns(pruned), "x", color=NAIVE, markersize=6, label=f"pruned ({len(pruned)})")
    if complete:
        numbers, losses = _columns(complete)
        axes.step(numbers, np.minimum.accumulate(losses), where="post", color=INK, linewidth=1.5, label="best so far")
        _show_most(axes, losses, [loss for _, loss in pruned])
    ended = [trial.number for trial in trials if trial.state is TrialState.FAIL]
    if ended:
        axes.plot(ended, [0.01] * len(ended), "|", color=INK, transform=axes.get_xaxis_transform(), label="failed")
    axes.set_title("Validation loss by trial, in seasonal scales of each series", loc="left", color=INK)
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="upper right")
    figure.savefig(path, dpi=130)


def plot_importance(shares: Mapping[str, float], trials: int, path: Path) -> None:
    """A bar a setting, the one that mattered most at the top."""
    figure, (axes,) = framed_figure(9.0, 1.6 + 0.4 * len(shares), [1.0])
    names, values = list(shares)[::-1], list(shares.values())[::-1]
    axes.barh(names, values, color=OURS, height=0.6)
    for place, value in enumerate(values):
        axes.text(value, place, f" {100 * value:.0f} %", va="center", color=INK)
    axes.set_title(f"What the best of {trials} complete trials have in common (PED-ANOVA)", loc="left", color=INK)
    axes.set_xlabel("share of importance")
    axes.set_xlim(0, 1.1 * max(values))
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=GRID, linewidth=0.7)
    figure.savefig(path, dpi=130)


def _points(trials: Sequence[FrozenTrial], state: TrialState) -> list[tuple[int, float]]:
    """Number and loss of the trials that have both; a pruned trial's value is its last report."""
    chosen = [(trial.number, trial.value) for trial in trials if trial.state is state]
    return [(number, value) for number, value in chosen if value is not None and np.isfinite(value)]


def _columns(points: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [number for number, _ in points], [loss for _, loss in points]


def _show_most(axes: Axes, losses: list[float], pruned: list[float]) -> None:
    """A hopeless trial must not press all others into one line: what lies far above is left outside."""
    top = 3 * float(np.median(losses)) - 2 * min(losses)
    everything = losses + pruned
    if max(everything) > top > min(losses):
        axes.set_ylim(min(losses) - 0.05 * (top - min(losses)), top)
