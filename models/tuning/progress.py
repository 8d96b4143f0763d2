"""How a search looks while it runs: counts, the best so far and the time left; one line a trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from models.tuning.messages import Report, Result
from models.tuning.study import TuningStudy

LOOKS = {"complete": "green", "pruned": "yellow", "failed": "red"}


class TuningView:
    """Told of every report and end of a trial; the time left is judged by the trials of this command alone."""

    def __init__(
        self,
        console: Console,
        study: TuningStudy,
        trials: int,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._study = study
        self._trials = trials
        self._workers = workers
        self._clock = clock
        self._started = clock()
        self._running: dict[int, str] = {}
        self._live: Live | None = None
        self._counts = study.counts()
        self._before = self._counts.ended
        self._best = study.best()

    @contextmanager
    def shown(self) -> Iterator[TuningView]:
        """Shows the display for as long as the search lasts."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(
            get_renderable=self._picture, console=self._console, refresh_per_second=2, transient=True
        ) as self._live:
            yield self
        self._live = None

    def reported(self, number: int, report: Report) -> None:
        self._running[number] = f"step {report.step:,}/{self._study.plan.budget:,}  validation {report.loss:.4f}"

    def ended(self, number: int, result: Result) -> None:
        self._running.pop(number, None)
        before = self._best
        self._counts, self._best = self._study.counts(), self._study.best()
        better = self._best is not None and self._best.number == number and before is not self._best
        loss = "" if result.loss is None else f"  loss {result.loss:.4f}{'*' if better else ''}"
        taken = "" if result.seconds is None else f"  {result.seconds:.0f} s"
        why = "" if result.why is None else f"  {result.why}"
        ending = f"[{LOOKS[result.ending]}]{result.ending}[/]"
        left = self.left
        ahead = "" if left is None or self._live is not None else f"  {duration(left)} left"
        values = settings_line(self._study.study.get_trials(deepcopy=False)[number].params)
        self._console.print(
            f"trial {number}  {ending}{loss}{taken}  {escape(values)}{escape(why)}{ahead}",
            highlight=False,
            soft_wrap=True,
        )

    def repeated(self, number: int, why: str) -> None:
        self._running.pop(number, None)
        self._console.print(f"trial {number}  [yellow]queued again[/]: {escape(why)}", highlight=False, soft_wrap=True)

    @property
    def left(self) -> float | None:
        """Seconds until all trials have ended, if the rest take as long as those so far; None before one ended."""
        here = self._counts.ended - self._before
        if here == 0:
            return None
        return (self._clock() - self._started) / here * max(0, self._trials - self._counts.ended)

    def _picture(self) -> Group:
        counts = self._counts
        head = Table.grid(padding=(0, 2))
        head.add_row(
            ProgressBar(total=self._trials, completed=counts.ended, width=24),
            f"{counts.ended}/{self._trials}",
            f"[green]{counts.complete} complete[/]  [yellow]{counts.pruned} pruned[/]  [red]{counts.failed} failed[/]",
            "" if self.left is None else f"{duration(self.left)} left",
        )
        lines = [Text(f"trial {number}  {said}", style="dim") for number, said in sorted(self._running.items())]
        best = self._best
        if best is not None:
            lines.append(
                Text(f"best: {best.value:.4f}, trial {best.number}  {settings_line(best.params)}", style="bold")
            )
        return Group(head, *lines)


def settings_line(values: Mapping[str, Any]) -> str:
    """Settings in one line: rate 0.0042  hidden 48."""
    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in values.items()}
    return "  ".join(f"{name} {value}" for name, value in shown.items())


def duration(seconds: float) -> str:
    """A length of time in words short enough for a line: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3_600:.1f} h"
