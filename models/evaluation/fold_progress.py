"""How a rolling-origin backtest looks while it runs: a bar in a terminal, a line for each fold elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from datasets.frequency import Frequency, format_time
from models.evaluation.folds import Fold
from models.evaluation.rolling_origin import DONE_BEFORE


class FoldProgress:
    """Told what is done with which fold, and how far its training is; `budget` are the steps of one training."""

    def __init__(self, console: Console, frequency: Frequency, folds: int, budget: int) -> None:
        self._console = console
        self._frequency = frequency
        self._folds = folds
        self._budget = budget
        self._fold = 0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    @contextmanager
    def shown(self) -> Iterator[FoldProgress]:
        """Shows the bar for as long as it runs."""
        if not self._console.is_terminal:
            yield self
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
        )
        with Progress(*columns, console=self._console) as self._bar:
            self._task = self._bar.add_task("", total=self._folds * self._budget)
            yield self
            self._bar.update(self._task, completed=self._folds * self._budget)
        self._bar = None

    def begun(self, fold: Fold, doing: str) -> None:
        """Something is now being done with a fold."""
        again = fold.number == self._fold  # it has been trained: that is most of the work
        self._fold = fold.number
        if self._bar is not None:
            done = fold.number if again or doing == DONE_BEFORE else fold.number - 1
            self._bar.update(self._task, completed=done * self._budget, description=self._named(fold, doing))
        elif not again:
            self._console.print(self._named(fold, doing), highlight=False, soft_wrap=True)

    def trained(self, steps: int) -> None:
        """The training of the fold is `steps` far."""
        if self._bar is not None:
            self._bar.update(self._task, completed=(self._fold - 1) * self._budget + steps)

    def _named(self, fold: Fold, doing: str) -> str:
        return f"fold {fold.number}/{self._folds}, from {format_time(fold.cutoff, self._frequency)}: {doing}"
