"""The chart: the last readings, what was forecast for them a while ago, and the band of what comes next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from commands.demonstration.axes import figures, limits, time_ticks, value_ticks
from commands.demonstration.canvas import Canvas, braille

Array = NDArray[np.float64]

READINGS, MEDIAN, EARLIER, BAND = "bold bright_cyan", "bold yellow", "magenta", "color(24)"
_AXIS = Style.parse("dim")
_SHORTEST = 48  # steps that the window shows at least
_ROWS_PER_TICK = 4


@dataclass(frozen=True, eq=False)
class View:
    """What there is to draw. Every array is by step; NaN where there is nothing."""

    past: Array  # (steps,) readings, the newest last
    earlier: Array  # (steps,) what was forecast for them some steps before
    median: Array  # (horizon,)
    low: Array  # (horizon,)
    high: Array  # (horizon,)
    newest: int  # time of the last reading, in seconds or as a count
    step_seconds: float
    calendar: bool

    @property
    def past_steps(self) -> int:
        """How many past steps the window holds."""
        return max(_SHORTEST, 3 * len(self.median)) - len(self.median)


class Chart:
    """Draws a view into whatever space it is given."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, max(4, options.height or 12)
        bottom, top = self._limits()
        ticks = value_ticks(bottom, top, max(2, height // _ROWS_PER_TICK))
        pattern = figures(ticks)
        margin = max(len(format(tick, pattern)) for tick in ticks) + 1
        columns, rows = max(8, width - margin - 1), height - 1
        scale = (4 * rows - 1) / (top - bottom)
        labels = {int((top - tick) * scale / 4): format(tick, pattern) for tick in ticks}
        for row, cells in enumerate(self._cells(columns, rows, bottom, scale)):
            label = labels.get(row, "")
            yield Segment(f"{label:>{margin - 1}} {'┤' if label else '│'}", _AXIS)
            yield from cells
            yield Segment.line()
        yield Segment(" " * margin + "└" + self._times(columns), _AXIS)

    def _limits(self) -> tuple[float, float]:
        view = self._view
        drawn = np.concatenate([view.past[-view.past_steps :], view.median, view.low, view.high])
        known = drawn[np.isfinite(drawn)]
        return limits(float(known.min()), float(known.max())) if known.size else (0.0, 1.0)

    def _cells(self, columns: int, rows: int, bottom: float, scale: float) -> Iterable[list[Segment]]:
        view = self._view
        past, ahead = view.past[-view.past_steps :], len(view.median)
        earlier = view.earlier[-len(past) :] if len(past) else view.earlier[:0]
        dots = (2 * columns - 1) / (view.past_steps + ahead - 1)  # from one step to the next
        now = (view.past_steps - 1) * dots
        xs_past = now - np.arange(len(past) - 1, -1, -1) * dots
        xs_next = now + np.arange(1, ahead + 1) * dots
        layers = [(Canvas(columns, rows), Style.parse(style)) for style in (READINGS, MEDIAN, EARLIER, BAND)]
        (readings, _), (median, _), (before, _), (band, _) = layers
        readings.line(xs_past, (past - bottom) * scale)
        before.line(xs_past, (earlier - bottom) * scale)
        median.line(xs_next, (view.median - bottom) * scale)
        for x in range(round(xs_next[0]), round(xs_next[-1]) + 1):
            low, high = (np.interp(x, xs_next, edge) for edge in (view.low, view.high))
            band.column(x, (float(low) - bottom) * scale, (float(high) - bottom) * scale)
        return _composed([(canvas.cells(), style) for canvas, style in layers])

    def _times(self, columns: int) -> str:
        view = self._view
        first = view.newest - round((view.past_steps - 1) * view.step_seconds)
        last = view.newest + round(len(view.median) * view.step_seconds)
        axis = ["─"] * columns
        for share, label in time_ticks(first, last, columns, view.calendar):
            at = round(share * (columns - 1))
            if at + len(label) + 1 <= columns:
                axis[at : at + len(label) + 1] = ["┴", *label]
        return "".join(axis)


def _composed(layers: list[tuple[NDArray[np.int64], Style]]) -> Iterable[list[Segment]]:
    """Each row as segments: in every cell the first layer that has dots there."""
    styles = [style for _, style in layers]
    stacked = np.stack([cells for cells, _ in layers])  # (layers, rows, columns)
    top = np.where(stacked.any(axis=0), (stacked > 0).argmax(axis=0), len(layers))  # (rows, columns)
    codes = np.take_along_axis(stacked, np.minimum(top, len(layers) - 1)[None], axis=0)[0]
    for layer_row, code_row in zip(top.tolist(), codes.tolist(), strict=True):
        yield [
            Segment(
                "".join(braille(code) if code else " " for _, code in run),
                styles[layer] if layer < len(styles) else None,
            )
            for layer, run in groupby(zip(layer_row, code_row, strict=True), key=lambda cell: cell[0])
        ]
