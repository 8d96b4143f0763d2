"""The best, the median and the worst series of a rolling-origin backtest, with the bands of its last folds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.evaluation.excerpt import draw, excerpts_of
from models.evaluation.forecasts import Forecasts
from models.evaluation.plots import INK, NAIVE, OURS, framed_figure
from models.evaluation.rolling_origin import Study
from models.evaluation.scores import Scores


def plot_series(study: Study, scores: Scores, read: Callable[[int], Forecasts], path: Path) -> None:
    """Each in the last folds in which it was tested; `read` gives the forecasts of a fold. Two or one if there are no
    three series with a scale.
    """
    found = excerpts_of(study, scores, read)
    figure, rows = framed_figure(12.0, 1.0 + 3.2 * len(found), [1.0] * len(found))
    for axes, excerpt in zip(rows, found, strict=True):
        draw(axes, excerpt, INK, OURS, NAIVE)
        error = "no MASE" if excerpt.error is None else f"MASE {excerpt.error:.3f}"
        title = f"{excerpt.name}, {excerpt.word}: {error}; {excerpt.span}"
        axes.set_title(title, loc="left", color=INK, parse_math=False)  # a name may hold a dollar sign
    rows[-1].legend(frameon=False, ncol=5, loc="upper left", bbox_to_anchor=(0, -0.12))
    figure.savefig(path, dpi=130)
