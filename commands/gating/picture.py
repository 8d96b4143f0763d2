"""The picture: input, gates and a heat map of the hidden units, one above the other on one time axis."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray

from commands.gating.view import Gate, View
from commands.gating.wording import MEANINGS, NAMES

# The colours of our other pictures, which are drawn where torch is; here it need not be.
INK, OURS, NAIVE, GRID = "#1f2933", "#1668a8", "#d9822b", "#d9dee3"
UNITS = (OURS, NAIVE, "#5b8c5a", "#8e5ea2", "#a0522d", "#c2477f", "#3aa6a6", "#7a7a2c")
WIDTH = 13.0  # inches
HEIGHTS = {"input": 2.3, "gate": 1.7, "hidden": 3.0}
BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
CAPTION = 160  # characters in a line
UNITS_SAID = "Units are counted from 0"
NAMED_SAID = "; drawn one by one are those whose gate varies most over this span"


def draw(view: View, path: Path) -> None:
    """Writes the picture, as PNG."""
    heights = [HEIGHTS["input"], *[HEIGHTS["gate"]] * len(view.gates), HEIGHTS["hidden"]]
    figure = Figure(figsize=(WIDTH, sum(heights) + 1.3), layout="constrained", facecolor="white")
    rows: list[Axes] = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    moments = _moments(view)
    for axes in rows:
        _dress(axes)
    _draw_input(rows[0], view, moments)
    for axes, gate in zip(rows[1:-1], view.gates, strict=True):
        _draw_gate(axes, gate, view, moments)
    _draw_hidden(figure, rows[-1], view, moments)
    _draw_marks(rows, view)
    _draw_time(rows[-1], view, moments)
    figure.suptitle(_plain(f"{view.series} through {view.model}, {view.layer}"), x=0.01, ha="left", color=INK)
    units = f"{UNITS_SAID}{NAMED_SAID if view.gates else ''}."
    caption = "\n".join(fill(line, CAPTION) for line in (" ".join(view.conventions), units))
    figure.supxlabel(_plain(caption), x=0.01, ha="left", color=INK, fontsize=10)
    figure.savefig(path, dpi=130)


def _draw_input(axes: Axes, view: View, moments: NDArray[Any]) -> None:
    if view.bounds is not None:
        low, high = view.bounds.low, view.bounds.high
        axes.fill_between(moments, low, high, color=OURS, alpha=0.25, linewidth=0, label=view.bounds.name)
    axes.plot(moments, view.median, color=OURS, linewidth=1.4, label="median forecast, one step before")
    axes.plot(moments, view.readings, color=INK, linewidth=1.2, label="reading")
    axes.set_title(_plain(f"input: {view.target}"), loc="left", color=INK)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.97), ncol=3, fontsize=9, borderpad=0)


def _draw_gate(axes: Axes, gate: Gate, view: View, moments: NDArray[Any]) -> None:
    for unit, values in zip(gate.units, gate.values, strict=True):
        colour = UNITS[view.named.index(unit) % len(UNITS)]
        axes.plot(moments, values, color=colour, linewidth=0.9, alpha=0.9, label=f"unit {unit}")
    axes.plot(moments, gate.mean, color=INK, linewidth=2.2, label="mean of all")
    axes.set_title(f"{NAMES[gate.letter]} ({MEANINGS[gate.letter]})", loc="left", color=INK)
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.5, 1])
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)


def _draw_hidden(figure: Figure, axes: Axes, view: View, moments: NDArray[Any]) -> None:
    size = float(np.abs(view.hidden).max()) or 1.0
    rows = np.arange(len(view.order))
    where = date2num(moments) if view.frequency.has_calendar else moments  # type: ignore[no-untyped-call]
    colours: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -size, "vmax": size, "shading": "nearest", "rasterized": True}
    heat = axes.pcolormesh(where, rows, view.hidden, **colours)
    bar = figure.colorbar(heat, cax=axes.inset_axes((1.012, 0.0, 0.012, 1.0)))
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, length=0)
    axes.set_title("hidden units after each reading, those of like course beside each other", loc="left", color=INK)
    axes.grid(False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([row for row, _ in _named(view)], [f"{unit}" for _, unit in _named(view)], fontsize=7)
    axes.set_ylabel("unit", color=INK)


def _named(view: View) -> list[tuple[int, int]]:
    """Rows of the heat map and their units, of those that are drawn above and have room for their number."""
    wanted = set(view.named or view.order)
    room = max(1, round(len(view.order) / 26))
    found: list[tuple[int, int]] = []
    for row, unit in enumerate(view.order):
        if unit in wanted and (not found or row - found[-1][0] >= room):
            found.append((row, unit))
    return found


def _draw_marks(rows: list[Axes], view: View) -> None:
    for mark in view.marks:
        when = np.datetime64(mark.time, "s") if view.frequency.has_calendar else mark.time
        for axes in rows:
            axes.axvline(when, color=INK, linewidth=1, linestyle=(0, (3, 2)))  # type: ignore[arg-type]
        place: dict[str, Any] = {"xy": (when, 1.0), "xycoords": ("data", "axes fraction"), "xytext": (4, -4)}
        rows[0].annotate(_plain(mark.label), **place, textcoords="offset points", va="top", color=INK, bbox=BEHIND)


def _draw_time(axes: Axes, view: View, moments: NDArray[Any]) -> None:
    if view.frequency.has_calendar:
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlim(moments[0], moments[-1])


def _dress(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def _moments(view: View) -> NDArray[Any]:
    """Times as matplotlib takes them: dates, or plain counts."""
    return view.times.astype("datetime64[s]") if view.frequency.has_calendar else view.times


def _plain(text: str) -> str:
    """Text that matplotlib does not take for a formula."""
    return text.replace("$", r"\$")
