"""One picture of a run's health by step: losses, gradient norm, and how much of the gates and units stands still."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from models.diagnosis.case import Array, Case
from models.evaluation.plots import INK, NAIVE, OURS, framed_figure, smoothed
from models.training.monitor import CANDIDATES

COLOURS = {"z": OURS, "r": NAIVE}
OTHERS = ("#5b8c5a", "#8e5ea2", "#a0522d")
MEANING = {"z": " (near 1 keeps the past)"}


def plot_case(case: Case, path: Path) -> None:
    """Writes the picture, as PNG."""
    figure, (losses, gradients, gates) = framed_figure(10.0, 9.0, [1.2, 1.0, 1.0])
    _draw_losses(losses, case)
    _draw_gradients(gradients, case)
    _draw_standstill(gates, case)
    gates.set_xlabel("step")
    figure.savefig(path, dpi=130)


def _draw_losses(axes: Axes, case: Case) -> None:
    axes.plot(case.steps, case.loss, color=OURS, alpha=0.25, linewidth=0.8)
    axes.plot(case.steps, smoothed(case.loss), color=OURS, linewidth=2, label="training (smoothed)")
    steps, values = case.validations
    if len(steps):
        axes.plot(steps, values, "o-", color=NAIVE, markersize=4, linewidth=1.5, label="validation")
    axes.set_title("Quantile loss", loc="left", color=INK)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper right")


def _draw_gradients(axes: Axes, case: Case) -> None:
    axes.set_yscale("log")
    axes.plot(case.steps, _positive(case.column("gradient_norm")), color=INK, linewidth=1.2, label="all weights")
    styles = ["-", "--", ":", "-."]
    for place, part in enumerate(case.parts):
        axes.plot(
            case.steps, _positive(case.part(part)), color=OURS, linestyle=styles[place % 4], linewidth=1, label=part
        )
    axes.axhline(case.settings.clip, color=NAIVE, linewidth=1, label="clipped at")
    axes.set_title("Gradient norm before clipping", loc="left", color=INK)
    axes.legend(frameon=False, loc="upper right", ncol=3)


def _draw_standstill(axes: Axes, case: Case) -> None:
    kinds = sorted({name.rpartition(".")[2] for name in case.gates} - CANDIDATES)
    others = iter(OTHERS * len(kinds))
    for kind in kinds:
        colour = COLOURS.get(kind) or next(others)
        layers = [name for name in case.gates if name.rpartition(".")[2] == kind]
        for high, style in ((True, "-"), (False, ":")):
            share = np.mean([case.gate(name, high) for name in layers], axis=0)
            label = f"{kind} near 1{MEANING.get(kind, '')}" if high else f"{kind} near 0"
            axes.plot(case.steps, share, color=colour, linestyle=style, linewidth=1.5, label=label)
    axes.plot(case.steps, case.column("dead"), color=INK, linewidth=1.2, label="dead units")
    axes.set_title("Share of gates near an end, and of units that are dead", loc="left", color=INK)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(frameon=False, loc="upper right", ncol=3)


def _positive(values: Array) -> Array:
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
