"""The table at the end of a rolling-origin backtest, fold by fold."""

from __future__ import annotations

from rich.table import Table

from datasets.frequency import format_time
from models.evaluation.report import lag_name
from models.evaluation.rolling_origin import Study
from models.evaluation.scores import Scores


def fold_table(study: Study, scores: Scores) -> Table:
    """A row for each fold: from when it was tested, our error and those of the naives, and what the bands covered."""
    table = Table(title="By fold, MASE", title_justify="left")
    table.add_column("fold", justify="right")
    table.add_column("tested from", no_wrap=True)
    table.add_column("gatecast", justify="right")
    for lag in scores.naives:
        table.add_column(f"naive,\n{lag_name(lag, study.frequency)}", justify="right")
    table.add_column("80 %\ncovers", justify="right", no_wrap=True)
    table.add_column("95 %\ncovers", justify="right", no_wrap=True)
    for fold in study.folds:
        ours = scores.ours.by_fold[fold.number].metrics()
        errors = [ours.mase, *(board.by_fold[fold.number].metrics().mase for board in scores.naives.values())]
        least = min((error for error in errors if error is not None), default=None)
        cells = ["–" if e is None else f"[bold green]{e:.3f}[/]" if e == least else f"{e:.3f}" for e in errors]
        covers = ["–" if c is None else f"{100 * c:.1f} %" for c in (ours.coverage_80, ours.coverage_95)]
        table.add_row(str(fold.number), str(format_time(fold.cutoff, study.frequency)), *cells, *covers)
    return table
