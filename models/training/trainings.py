"""How several trainings look while they run: a bar over all of them in a terminal, a line for each thing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

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


class View(Protocol):
    """Told what is done, and how far all trainings are."""

    def begun(self, doing: str) -> None:
        """Something else is being done now."""

    def trained(self, number: int, steps: int) -> None:
        """`number` trainings are done, and the one after them is `steps` far."""


class Silent:
    """A view that shows nothing."""

    def begun(self, doing: str) -> None:
        """Nobody looks."""

    def trained(self, number: int, steps: int) -> None:
        """Nobody looks."""


class TrainingsView:
    """`trainings` of `budget` steps each; what is done beside them is named but not counted."""

    def __init__(self, console: Console, trainings: int, budget: int) -> None:
        self._console = console
        self._trainings = trainings
        self._budget = budget
        self._bar: Progress | None = None
        self._task = TaskID(0)

    @contextmanager
    def shown(self) -> Iterator[TrainingsView]:
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
            self._task = self._bar.add_task("", total=self._trainings * self._budget)
            yield self
        self._bar = None

    def begun(self, doing: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=doing)
        else:
            self._console.print(doing, highlight=False, soft_wrap=True)

    def trained(self, number: int, steps: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=number * self._budget + steps)
