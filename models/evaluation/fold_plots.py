"""Pictures of a rolling-origin backtest: the error by step ahead, the error by fold, and the calibration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from datasets.frequency import Frequency
from models.evaluation.forecasts import Forecasts
from models.evaluation.ledger import PLOTS
from models.evaluation.metrics import BAND, WIDE_BAND
from models.evaluation.plots import GRID, INK, NAIVE, OURS, framed_figure
from models.evaluation.report import lag_name
from models.evaluation.rolling_origin import Study
from models.evaluation.scores import Scores
from models.evaluation.series_plots import plot_series

POINTS = 8  # series up to which each is a point, and no box is drawn
STYLES = [(0, (4, 2)), (0, (1, 1)), (0, (6, 2, 1, 2))]


def plot_folds(study: Study, scores: Scores, read: Callable[[int], Forecasts], folder: Path) -> None:
    """Writes all pictures; `read` gives the forecasts of a fold."""
    by_horizon, by_fold, calibration, series = (folder / name for name in PLOTS)
    plot_error_by_horizon(scores, study.frequency, by_horizon)
    plot_error_by_fold(scores, study.frequency, by_fold)
    plot_calibration(scores, calibration)
    plot_series(study, scores, read, series)


def plot_error_by_horizon(scores: Scores, frequency: Frequency, path: Path) -> None:
    """The scaled absolute error at each step ahead, over all folds and series, beside every seasonal naive."""
    figure, (axes,) = framed_figure(9.0, 4.5, [1.0])
    result = scores.overall()
    steps = np.arange(1, scores.config.horizon + 1)
    marker = "o" if len(steps) < 3 else ""  # a line of one point is nothing
    for index, (lag, naive) in enumerate(result.naives.items()):
        label = f"seasonal naive, {lag_name(lag, frequency)}"
        style = STYLES[index % len(STYLES)]
        axes.plot(steps, naive.by_step, color=NAIVE, linestyle=style, linewidth=1.5, label=label, marker=marker)
    axes.plot(steps, result.ours.by_step, color=OURS, linewidth=2.2, label="gatecast", marker=marker)
    axes.set_title("Absolute error by step ahead, in seasonal scales, over all folds", loc="left", color=INK)
    axes.set_xlabel("steps ahead")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=130)


def plot_error_by_fold(scores: Scores, frequency: Frequency, path: Path) -> None:
    """The scaled absolute errors of the series in each fold, as points or as a box, and the mean beside the naives'."""
    figure, (axes,) = framed_figure(9.0, 4.5, [1.0])
    errors = scores.errors_by_fold()
    for fold, values in errors.items():
        if len(values) > POINTS:
            line = {"color": OURS, "linewidth": 1.2}
            box = {"facecolor": "#d5e4f0", "edgecolor": OURS}
            axes.boxplot(
                [values],
                positions=[fold],
                widths=0.4,
                patch_artist=True,
                boxprops=box,
                medianprops=line,
                whiskerprops=line,
                capprops=line,
                flierprops={"marker": ".", "markersize": 3, "markeredgecolor": OURS, "alpha": 0.5},
            )
        else:
            axes.plot([fold] * len(values), values, "o", color=OURS, alpha=0.35, markersize=5)
    folds = list(errors)
    means = [scores.ours.by_fold[fold].metrics().mase for fold in folds]
    axes.plot(folds, _drawn(means), "o-", color=OURS, linewidth=2, label="gatecast, mean over series")
    for index, (lag, board) in enumerate(scores.naives.items()):
        means = [board.by_fold[fold].metrics().mase for fold in folds]
        label = f"seasonal naive, {lag_name(lag, frequency)}"
        style = STYLES[index % len(STYLES)]
        axes.plot(folds, _drawn(means), color=NAIVE, linestyle=style, linewidth=1.5, marker="s", label=label)
    axes.set_title("Absolute error by fold, in seasonal scales of each series", loc="left", color=INK)
    axes.set_xlabel("fold, in the order of time")
    axes.set_xticks(folds, [str(fold) for fold in folds])
    axes.set_xlim(folds[0] - 0.5, folds[-1] + 0.5)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, ncol=3, loc="upper left", bbox_to_anchor=(0, -0.14))
    figure.savefig(path, dpi=130)


def plot_calibration(scores: Scores, path: Path) -> None:
    """For each quantile the share of readings at or below it, beside what it promises; the bands in the title."""
    figure, (axes,) = framed_figure(6.0, 6.0, [1.0])
    points = [(entry["level"], entry["observed"]) for entry in scores.calibration() if entry["observed"] is not None]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":", label="as it should be")
    if points:
        levels, observed = zip(*points, strict=True)
        axes.plot(levels, observed, "o-", color=OURS, linewidth=1.8, label="gatecast")
        axes.fill_between(levels, levels, observed, color=OURS, alpha=0.12, linewidth=0)
    metrics = scores.overall().ours.metrics
    covered = ((BAND, metrics.coverage_80), (WIDE_BAND, metrics.coverage_95))
    said = [
        f"the {100 * (b[1] - b[0]):.0f} % band covers {100 * share:.1f} %" for b, share in covered if share is not None
    ]
    axes.set_title("; ".join(said) or "Calibration", loc="left", color=INK, fontsize=10)
    axes.set_xlabel("quantile")
    axes.set_ylabel("share of readings at or below it")
    axes.grid(axis="x", color=GRID, linewidth=0.7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=130)


def _drawn(values: list[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]
