"""How a run looks while it trains: a bar with its figures in a terminal, one line a validation elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from models.training.loop import Record

SMOOTHING = 0.95  # of the loss that is shown


class ProgressView:
    """Told of every step; shows loss, validation loss, gradient norm, rate, skipped steps and the time left."""

    def __init__(self, console: Console, steps: int, done: int = 0) -> None:
        self._console = console
        self._steps = steps
        self._first = done
        self._begun: float | None = None
        self._loss: float | None = None
        self._validation = "–"
        self._skipped = 0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    @contextmanager
    def shown(self) -> Iterator[ProgressView]:
        """Shows the bar for as long as the run lasts."""
        if not self._console.is_terminal:
            yield self
            return
        columns = (
            SpinnerColumn(),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
        )
        with Progress(*columns, console=self._console) as self._bar:
            self._task = self._bar.add_task("", total=self._steps, completed=self._first)
            yield self
        self._bar = None

    def __call__(self, record: Record) -> None:
        if self._begun is None:
            self._begun = record.seconds
        if not record.skipped:
            self._loss = record.loss if self._loss is None else self._smooth(self._loss, record.loss)
        self._skipped += record.skipped
        if record.validation is not None:
            self._validation = f"{record.validation:.4f}" + ("*" if record.best else "")
        if self._bar is not None:
            self._bar.update(self._task, completed=record.step, description=self._figures(record))
        elif record.validation is not None:
            line = f"step {record.step}/{self._steps}  {self._figures(record)}  {self._left(record):.0f} s left"
            self._console.print(line, highlight=False, soft_wrap=True)

    def _figures(self, record: Record) -> str:
        loss = "–" if self._loss is None else f"{self._loss:.4f}"
        skipped = f"  skipped {self._skipped}" if self._skipped else ""
        return (
            f"loss {loss}  validation {self._validation}  "
            f"gradient {record.gradient_norm:.2f}  rate {record.rate:.1e}{skipped}"
        )

    def _left(self, record: Record) -> float:
        begun = record.seconds if self._begun is None else self._begun
        done = record.step - self._first - 1
        return (record.seconds - begun) / done * (self._steps - record.step) if done > 0 else 0.0

    @staticmethod
    def _smooth(before: float, now: float) -> float:
        return SMOOTHING * before + (1 - SMOOTHING) * now
