"""Two pictures of a run: how the loss came down, and what the forecasts look like beside what then happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from datasets.frequency import Frequency
from models.evaluation.backtest import Backtest
from models.evaluation.baselines import seasonal_naive
from models.evaluation.metrics import BAND, WIDE_BAND
from models.evaluation.panel import Panel
from models.evaluation.report import lag_name
from models.evaluation.rolling import Span, roll
from models.forecaster import Forecaster

INK, OURS, NAIVE, GRID = "#1f2933", "#1668a8", "#d9822b", "#d9dee3"
HORIZONS = 7  # forecasts one after the other, where the held-out end has room for them
SHOWN_BEFORE = 1.0  # horizons of readings before the first forecast


def plot_loss(log: Sequence[dict[str, Any]], path: Path) -> None:
    """The training loss by step, smoothed over it, and the validation losses with the best marked."""
    figure, (axes,) = framed_figure(9.0, 4.5, [1.0])
    steps = np.array([record["step"] for record in log])
    loss = np.array([np.nan if record["skipped"] else record["loss"] for record in log], dtype=np.float64)
    axes.plot(steps, loss, color=OURS, alpha=0.25, linewidth=0.8)
    axes.plot(steps, smoothed(loss), color=OURS, linewidth=2, label="training (smoothed)")
    points = [(record["step"], record["validation"]) for record in log if record["validation"] is not None]
    if points:
        places, values = zip(*points, strict=True)
        axes.plot(places, values, "o-", color=NAIVE, markersize=4, linewidth=1.5, label="validation")
        best = int(np.argmin(values))
        where = (places[best], values[best])
        axes.plot(*where, "o", color=NAIVE, markersize=11, markerfacecolor="none", markeredgewidth=2)
        text = f"best: {values[best]:.4f} at step {places[best]}"
        side = "right" if places[best] > 0.8 * steps[-1] else "center"
        axes.annotate(text, where, (4, -16), textcoords="offset points", ha=side, va="top", color=NAIVE)
    axes.set_title("Quantile loss, in seasonal scales of each series", loc="left", color=INK)
    axes.set_xlabel("step")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper right")
    figure.savefig(path, dpi=130)


def plot_forecast(
    model: Forecaster, panel: Panel, result: Backtest, frequency: Frequency, target: str, path: Path
) -> None:
    """Held-out readings of the first series with the forecasts made on the way, and the error by step ahead."""
    figure, (axes, errors) = framed_figure(12.0, 8.0, [2.2, 1.0])
    lag = next(lag for lag, naive in result.naives.items() if naive is result.best_naive)
    _draw_stretch(axes, model, panel, frequency, lag)
    axes.set_title(
        f"{target}: forecasts of {model.config.horizon} steps, one after the other, on held-out readings",
        loc="left",
        color=INK,
    )
    _draw_errors(errors, result, frequency)
    figure.savefig(path, dpi=130)


def _draw_stretch(axes: Axes, model: Forecaster, panel: Panel, frequency: Frequency, lag: int) -> None:
    horizon, levels = model.config.horizon, model.config.quantiles
    series = next(i for i, end in enumerate(panel.validation_end) if len(panel.series[i]) - end >= horizon)
    stretch, end = panel.series[series], panel.validation_end[series]
    count = min(HORIZONS, (len(stretch) - end) // horizon)
    last = end - 1 + (count - 1) * horizon
    history, moments = stretch.values[:, 0], moments_of(stretch.times, frequency)
    pieces = list(roll(model, [Span(stretch, end - 1, last)]))
    quantiles = np.concatenate([piece.in_units().numpy() for piece in pieces])[::horizon].reshape(-1, len(levels))
    naive = seasonal_naive(history, np.arange(end - 1, last + 1, horizon), horizon, lag).reshape(-1)
    first, stop = max(0, end - int(SHOWN_BEFORE * horizon)), end + count * horizon
    ahead = moments[end:stop]
    for band, alpha, label in ((WIDE_BAND, 0.13, "95 % band"), (BAND, 0.28, "80 % band")):
        if band[0] in levels and band[1] in levels:
            low, high = quantiles[:, levels.index(band[0])], quantiles[:, levels.index(band[1])]
            axes.fill_between(ahead, low, high, color=OURS, alpha=alpha, linewidth=0, label=label)
    label = f"seasonal naive, {lag_name(lag, frequency)}"
    axes.plot(ahead, naive, color=NAIVE, linewidth=1.2, linestyle=(0, (4, 2)), label=label)
    axes.plot(ahead, quantiles[:, levels.index(0.5)], color=OURS, linewidth=2, label="median forecast")
    axes.plot(moments[first:stop], history[first:stop], color=INK, linewidth=1.3, label="reading")
    for place in range(end - 1, stop - 1, horizon):
        axes.axvline(moments[place], color=INK, linewidth=0.6, linestyle=":", alpha=0.6)
    if frequency.has_calendar:
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.margins(x=0.005)
    axes.legend(frameon=False, ncol=5, loc="lower left", bbox_to_anchor=(0, -0.2))


def _draw_errors(axes: Axes, result: Backtest, frequency: Frequency) -> None:
    steps = np.arange(1, len(result.ours.by_step) + 1)
    styles = [(0, (4, 2)), (0, (1, 1)), (0, (6, 2, 1, 2))]
    for place, (lag, naive) in enumerate(result.naives.items()):
        label = f"seasonal naive, {lag_name(lag, frequency)}"
        axes.plot(steps, naive.by_step, color=NAIVE, linestyle=styles[place % 3], linewidth=1.5, label=label)
    axes.plot(steps, result.ours.by_step, color=OURS, linewidth=2.2, label="gatecast")
    axes.set_title("Absolute error by step ahead, in seasonal scales, over all held-out origins", loc="left", color=INK)
    axes.set_xlabel("steps ahead")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.005)
    axes.legend(frameon=False, loc="lower right", ncol=3)


def framed_figure(width: float, height: float, ratios: list[float]) -> tuple[Figure, list[Axes]]:
    """A figure of rows, one above the other, `ratios` being their heights: the look of all our pictures."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    grid = figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)
    for axes in grid[:, 0]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GRID)
        axes.tick_params(colors=INK, length=0)
        axes.grid(axis="y", color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)
    return figure, list(grid[:, 0])


def moments_of(times: NDArray[np.int64], frequency: Frequency) -> NDArray[Any]:
    """Times as matplotlib takes them: dates, or plain counts."""
    return times.astype("datetime64[s]") if frequency.has_calendar else times


def smoothed(values: NDArray[np.float64], share: float = 0.9) -> NDArray[np.float64]:
    """An exponential mean of the finite values so far, (steps,)."""
    smooth = np.full_like(values, np.nan)
    weight = total = 0.0
    for place, value in enumerate(values):
        if np.isfinite(value):
            weight, total = share * weight + 1 - share, share * total + (1 - share) * value
        smooth[place] = total / weight if weight else np.nan
    return smooth
